package render

import (
	"cmp"
	"encoding/base64"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// identity renders the provider's own teams, and the roles that members of projects can have beside
// Platform's. How people sign in is part of the values of Platform's chart.
func (r *renderer) identity() {
	i := r.fleet.Platform.Identity
	if i == nil {
		return
	}
	s := source("platform")
	for name, t := range fleet.All(i.Teams) {
		at, id := key("identity.team", name), r.control(kindTeam, "", name)
		r.add(state.Object{ID: id, Entity: string(s), Tree: r.platformObject(s, id, fields{
			"displayName": s.of(at+".displayName", cmp.Or(t.DisplayName, name)),
			"owner":       r.owner(),
			"groups":      r.groups(s, at+".groups", t.Groups),
		})})
	}
	for name, role := range fleet.All(i.Roles) {
		at, id := key("identity.role", name), r.control(kindRole, "", name)
		var rules []state.Tree
		for n, rule := range role.Rules {
			at := at + ".rules" + state.Index(n)
			fields := fields{
				"apiGroups": s.texts(at+".apiGroups", rule.APIGroups),
				"resources": s.texts(at+".resources", rule.Resources),
				"verbs":     s.texts(at+".verbs", rule.Verbs),
			}
			if len(rule.ResourceNames) > 0 {
				fields["resourceNames"] = s.texts(at+".resourceNames", rule.ResourceNames)
			}
			rules = append(rules, node(fields))
		}
		meta := r.metadata(s, id, fields{"labels": node(fields{"loft.sh/project-role": s.because(at, "a role of projects", "true")})})
		r.add(state.Object{ID: id, Entity: string(s), Tree: node(fields{
			"apiVersion": s.fixed(platformAPI),
			"kind":       s.fixed("ClusterRoleTemplate"),
			"metadata":   node(meta),
			"spec": node(fields{
				"displayName":         s.of(at+".displayName", cmp.Or(role.DisplayName, name)),
				"owner":               r.owner(),
				"management":          s.because(at, "it is a role in Platform, not in clusters", true),
				"clusterRoleTemplate": node(fields{"rules": list(rules...)}),
			}),
		})})
	}
}

// signIn is the block auth of Platform's configuration, and the variables of its pod that the secrets
// in it come from: Platform replaces $NAME by the variable.
func (r *renderer) signIn() (auth, variables fields) {
	i, s := r.fleet.Platform.Identity, source("platform")
	auth, variables = fields{"password": node(fields{"disabled": s.because("identity.passwords", "the opposite", !i.Passwords)})}, fields{}
	if i.AccessKeyTTL > 0 {
		auth["accessKeyMaxTTLSeconds"] = s.of("identity.accessKeyTTL", i.AccessKeyTTL)
	}
	p := provider{s: s, host: i.Host, variables: variables}
	if i.OIDC != nil {
		auth["oidc"] = p.oidc("identity.oidc", "OIDC_CLIENT_SECRET", i.OIDC)
	}
	if i.SAML != nil {
		auth["saml"] = p.saml("identity.saml", i.SAML)
	}
	var connectors []state.Tree
	for name, k := range fleet.All(i.Connectors) {
		at := key("identity.connector", name)
		c := fields{"id": s.because(at, "the connector's name", name), "displayName": s.of(at+".displayName", cmp.Or(k.DisplayName, name))}
		if k.OIDC != nil {
			c["oidc"] = p.oidc(at+".oidc", "OIDC_CLIENT_SECRET_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")), k.OIDC)
		} else {
			c["saml"] = p.saml(at+".saml", k.SAML)
		}
		connectors = append(connectors, node(c))
	}
	if connectors != nil {
		auth["connectors"] = list(connectors...)
	}
	return auth, variables
}

// provider writes identity providers in Platform's words.
type provider struct {
	s         source
	host      string
	variables fields
}

func (p provider) oidc(at, variable string, o *fleet.OIDC) state.Tree {
	secret := at + ".clientSecret"
	p.variables[variable] = node(fields{"secretKeyRef": node(fields{"name": p.s.of(secret+".name", o.ClientSecret.Name), "key": p.s.of(secret+".key", o.ClientSecret.Key)})})
	f := fields{
		"issuerUrl":     p.s.of(at+".issuer", o.Issuer),
		"clientId":      p.s.of(at+".clientID", o.ClientID),
		"clientSecret":  p.s.because(at, "the variable that holds it", "$"+variable),
		"redirectURI":   p.redirect("oidc"),
		"usernameClaim": p.s.of(at+".usernameClaim", o.UsernameClaim),
		"groupsClaim":   p.s.of(at+".groupsClaim", o.GroupsClaim),
		"scopes":        p.s.texts(at+".scopes", o.Scopes),
	}
	if o.GroupsPrefix != "" {
		f["groupsPrefix"] = p.s.of(at+".groupsPrefix", o.GroupsPrefix)
	}
	if len(o.AllowedGroups) > 0 {
		f["groups"] = p.s.texts(at+".allowedGroups", o.AllowedGroups)
	}
	return node(f)
}

func (p provider) saml(at string, o *fleet.SAML) state.Tree {
	f := fields{
		"ssoURL":       p.s.of(at+".url", o.URL),
		"caData":       p.s.because(at+".certificate", "in base64", base64.StdEncoding.EncodeToString([]byte(o.Certificate))),
		"redirectURI":  p.redirect("saml"),
		"usernameAttr": p.s.of(at+".usernameAttribute", o.UsernameAttribute),
		"emailAttr":    p.s.of(at+".emailAttribute", o.EmailAttribute),
		"groupsAttr":   p.s.of(at+".groupsAttribute", o.GroupsAttribute),
	}
	if len(o.AllowedGroups) > 0 {
		f["allowedGroups"] = p.s.texts(at+".allowedGroups", o.AllowedGroups)
		f["filterGroups"] = p.s.because(at+".allowedGroups", "no other group counts", true)
	}
	return node(f)
}

func (p provider) redirect(protocol string) state.Tree {
	return p.s.because("identity.host", "where people come back to", "https://"+p.host+"/auth/"+protocol+"/callback")
}
