package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// assetTypes are the files that browsers load, with their types.
var assetTypes = map[string]string{
	"style.css": "text/css; charset=utf-8",
	"live.js":   "text/javascript; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

// asset is the URL of a file: it holds a digest, so that a browser keeps a file for good and yet never
// shows an old one.
func asset(name string) string {
	stem, extension, _ := strings.Cut(name, ".")
	return "/assets/" + stem + "." + digests[name] + "." + extension
}

var digests = func() map[string]string {
	all := map[string]string{}
	for name := range assetTypes {
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it was built without
		}
		sum := sha256.Sum256(content)
		all[name] = hex.EncodeToString(sum[:6])
	}
	return all
}()

// assets serves the files. They tell nothing of a fleet, so anybody may have them.
func assets(w http.ResponseWriter, r *http.Request) {
	for name, kind := range assetTypes {
		if "/assets/"+r.PathValue("name") != asset(name) {
			continue
		}
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			break
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		return
	}
	http.NotFound(w, r)
}
