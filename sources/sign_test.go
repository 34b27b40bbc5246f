package sources

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What we sign, git and ssh-keygen verify, and so do we.
func TestSSHSigner(t *testing.T) {
	s := newSigning(t, "ada")
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		file := filepath.Join(t.TempDir(), kind)
		out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", file).CombinedOutput()
		require.NoError(t, err, "%s", out)
		public, err := os.ReadFile(file + ".pub")
		require.NoError(t, err)
		sign, err := SSHSigner(file, "")
		require.NoError(t, err)
		content := "a commit of " + kind
		signature, err := sign([]byte(content))
		require.NoError(t, err)

		parsed, err := parseSSHSignature([]byte(signature))
		require.NoError(t, err)
		require.NoError(t, parsed.check([]byte(content)))
		require.Error(t, parsed.check([]byte(content+"!")))

		allowed := s.allowed("agent@example.com " + string(public))
		verify := exec.Command("sh", "-c", `ssh-keygen -Y verify -f "$1" -I agent@example.com -n git -s "$2"`, "sh", allowed, textFile(t, signature))
		in, err := verify.StdinPipe()
		require.NoError(t, err)
		go func() {
			_, _ = in.Write([]byte(content))
			_ = in.Close()
		}()
		out, err = verify.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), `Good "git" signature for agent@example.com`)
	}
	_, err := SSHSigner(filepath.Join(t.TempDir(), "absent"), "")
	require.ErrorContains(t, err, "the signing key cannot be read")
}
