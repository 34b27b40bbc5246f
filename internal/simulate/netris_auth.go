package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// netrisCookie is the name of the session cookie.
const netrisCookie = "connect.sid"

// login opens a session for the one user that there is.
func (n *Netris) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil || json.Unmarshal(body, &in) != nil {
		netrisAnswer(w, "2", nil, "", netrisRefuse("body", "the body is not the expected JSON"))
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if in.User != n.opts.Username || in.Password != n.opts.Password {
		netrisAnswer(w, "2", nil, "", &netrisError{status: 401, message: "The user name or the password is wrong."})
		return
	}
	n.sessionSeq++
	id := fmt.Sprintf("session-%d", n.sessionSeq)
	n.sessions[id] = time.Now().Add(n.site.Delay(n.opts.SessionLife))
	http.SetCookie(w, &http.Cookie{Name: netrisCookie, Value: id, Path: "/", HttpOnly: true})
	netrisAnswer(w, "2", nil, "", nil)
}

// loggedIn reports whether the request's session is known and has not ended.
func (n *Netris) loggedIn(r *http.Request) bool {
	if !n.site.Rule(NetrisSession) {
		return true
	}
	cookie, err := r.Cookie(netrisCookie)
	if err != nil {
		return false
	}
	ends, ok := n.sessions[cookie.Value]
	return ok && (time.Now().Before(ends) || !n.site.Rule(NetrisSessionExpires))
}

// listSites shows the one site, which no client may change.
func (n *Netris) listSites(*netrisCall) (any, error) {
	return []any{map[string]any{
		"id": netrisSiteID, "name": n.opts.SiteName, "publicAsn": 65001, "rohAsn": 65501, "vmAsn": 65502,
		"aclPolicy": "permit", "switchFabric": "netris", "vlanRange": "2-4094", "vlanRangeAutoAssign": "2-3999",
	}}, nil
}

func (n *Netris) siteRef() netrisRef { return netrisRef{ID: netrisSiteID, Name: n.opts.SiteName} }

// resolveSite checks the reference of a request to the site.
func (n *Netris) resolveSite(property string, r *netrisRef, byName bool) error {
	if r.ID == netrisSiteID || r.ID == 0 && byName && r.Name == n.opts.SiteName {
		*r = netrisRef{ID: netrisSiteID}
		return nil
	}
	return netrisRefuse(property, "%s: there is no site with the id %d", property, r.ID)
}

func (n *Netris) resolveSites(sites []netrisRef) error {
	for i := range sites {
		if err := n.resolveSite("sites", &sites[i], n.refByName()); err != nil {
			return err
		}
	}
	return nil
}
