package fleet

import (
	"context"
	"io/fs"

	"millwright.dev/millwright/internal/diag"
)

func check(ctx context.Context, f *Fleet, fsys fs.FS) diag.List { return nil }
