package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"path"
	"strings"
)

// doc is a JSON object.
type doc = map[string]any

// redfishReply is an answer to a request that writes.
type redfishReply struct {
	status int
	header map[string]string
	body   doc
}

// redfishRead answers a GET, with 304 when the client has the present version.
func redfishRead(w http.ResponseWriter, r *http.Request, body doc) {
	data, etag := redfishEncode(body)
	w.Header().Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

func redfishSend(w http.ResponseWriter, r redfishReply) {
	for name, value := range r.header {
		w.Header().Set(name, value)
	}
	if r.body == nil {
		w.WriteHeader(r.status)
		return
	}
	data, _ := redfishEncode(r.body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_, _ = w.Write(data)
}

// redfishEncode is the JSON of a resource and the ETag that its content gives it.
func redfishEncode(body doc) (data []byte, etag string) {
	var buf bytes.Buffer
	// A doc holds only what JSON can say: it comes out of literals and of JSON.
	_ = json.NewEncoder(&buf).Encode(body)
	sum := fnv.New64a()
	_, _ = sum.Write(buf.Bytes())
	return buf.Bytes(), fmt.Sprintf("W/\"%016x\"", sum.Sum64())
}

// redfishFailure is an error as Redfish shapes it, with one entry of extended information per message.
func redfishFailure(status int, messages ...doc) redfishReply {
	return redfishReply{status: status, body: doc{"error": doc{
		"code":                  "Base.1.18.GeneralError",
		"message":               "See @Message.ExtendedInfo.",
		"@Message.ExtendedInfo": messages,
	}}}
}

// redfishMessage is one entry of extended information; about names properties, as "/Attributes/NumLock".
func redfishMessage(id, text string, about ...string) doc {
	if !strings.Contains(id, ".") {
		id = "Base.1.18." + id
	}
	m := doc{
		"@odata.type":     "#Message.v1_2_0.Message",
		"MessageId":       id,
		"Message":         text,
		"MessageSeverity": "Warning",
	}
	if len(about) > 0 {
		m["RelatedProperties"] = about
	}
	return m
}

// redfishEntity is a resource with what every resource has; properties may name another Id.
func redfishEntity(at, kind, name string, properties doc) doc {
	d := doc{"@odata.id": at, "@odata.type": "#" + kind, "Id": path.Base(at), "Name": name}
	maps.Copy(d, properties)
	return d
}

func redfishCollection(at, of string, members ...string) doc {
	links := []doc{}
	for _, m := range members {
		links = append(links, redfishLink(m))
	}
	return doc{
		"@odata.id":           at,
		"@odata.type":         "#" + of + "Collection." + of + "Collection",
		"Name":                of + " Collection",
		"Members":             links,
		"Members@odata.count": len(links),
	}
}

func redfishLink(to string) doc { return doc{"@odata.id": to} }
