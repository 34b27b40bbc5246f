package fleet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// installing: SSH keys are public keys, templates are one thing, and no name differs in case alone.
func (c *checker) installing() {
	if c.f.Platform == nil {
		return
	}
	m := c.f.Platform.Metal3
	first := map[string]string{}
	for name, k := range All(m.SSHKeys) {
		at := Query{"platform", joinPath("metal3", "sshKey", name, "publicKey")}
		blob, why := publicKey(k.PublicKey)
		if why != "" {
			c.report("MW267", at, fmt.Sprintf("SSH key %s %s", name, why), "write what ssh-keygen wrote into the file that ends in .pub, on one line")
			continue
		}
		if other, twice := first[string(blob)]; twice {
			c.report("MW267", at, fmt.Sprintf("SSH key %s is the same as %s", name, other), "remove one of the two",
				mention{Query{"platform", joinPath("metal3", "sshKey", other, "publicKey")}, "the other"})
			continue
		}
		first[string(blob)] = name
	}
	for name, t := range All(m.Configs) {
		if (t.NetworkData == "") == (t.CloudInit == "") {
			c.report("MW268", Query{"platform", joinPath("metal3", "config", name)}, fmt.Sprintf("template %s is to hold either networkData or cloudInit", name), "make two templates of it")
		}
	}
	for n, k := range All(c.f.Classes) {
		c.template(k.NetworkData, Query{address("class", n), "networkData"}, true)
	}
}

// named: what a pool names is there, and of the sort that it wants.
func (c *checker) named(p *Pool, at func(string) Query) {
	if c.f.Platform == nil {
		return
	}
	m := c.f.Platform.Metal3
	for i, name := range p.SSHKeys {
		if _, ok := m.SSHKeys[name]; !ok {
			c.absent("SSH key", "sshKey", name, keys(m.SSHKeys), at(fmt.Sprintf(".sshKeys[%d]", i)))
		}
	}
	if _, ok := m.Profiles[p.Profile]; !ok && p.Profile != "" {
		c.absent("node profile", "profile", p.Profile, keys(m.Profiles), at(".profile"))
	}
	c.template(p.NetworkData, at(".networkData"), true)
	c.template(p.UserData, at(".userData"), false)
}

// template: a named template is there, and is for the network, or not.
func (c *checker) template(name string, at Query, network bool) {
	if name == "" {
		return
	}
	t, ok := c.f.Platform.Metal3.Configs[name]
	switch {
	case !ok:
		c.absent("template", "config", name, keys(c.f.Platform.Metal3.Configs), at)
	case network && t.NetworkData == "", !network && t.CloudInit == "":
		c.report("MW268", at, fmt.Sprintf("template %s is for something else", name), "networkData takes one with networkData, userData one with cloudInit",
			mention{Query{"platform", joinPath("metal3", "config", name)}, "the template"})
	}
}

// absent reports a name that the platform's metal3 does not have.
func (c *checker) absent(what, field, name string, have []string, at Query) {
	hint := fmt.Sprintf("write it in the platform: metal3: %s: %q: {...}", field, name)
	if near := nearest(name, have); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.report("MW201", at, fmt.Sprintf("there is no %s %q", what, name), hint)
}

// publicKeyTypes are those that current servers take.
var publicKeyTypes = []string{
	"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
}

// publicKey reads a public key, or says what is wrong with it, without repeating any of it: it may be
// a private one.
func publicKey(text string) (blob []byte, why string) {
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, "is a private key: replace it everywhere that it is used, since whoever reads this repository has it"
	}
	words := strings.Fields(text)
	if strings.ContainsAny(strings.TrimSpace(text), "\r\n") || len(words) < 2 {
		return nil, "is not a type, a key and a comment on one line"
	}
	if !slices.Contains(publicKeyTypes, words[0]) {
		return nil, "is of no type that machines take: " + strings.Join(publicKeyTypes[:5], ", ")
	}
	blob, err := base64.StdEncoding.DecodeString(words[1])
	if err != nil {
		return nil, "is damaged: its second word is not base64"
	}
	// On the wire a key begins with its type, with the length in front.
	if len(blob) < 4 || !bytes.HasPrefix(blob[4:], []byte(words[0])) || int(binary.BigEndian.Uint32(blob)) != len(words[0]) {
		return nil, "is damaged: it is not of the type that stands in front of it"
	}
	if least := 4 + len(words[0]) + 4 + 32; len(blob) < least {
		return nil, "is damaged: it is too short"
	}
	return blob, ""
}
