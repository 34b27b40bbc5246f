package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// leaf is one value of one rendered object, with the field that it comes from.
type leaf struct {
	id    state.ID
	path  string
	value any
	from  fleet.Query
}

// kind is the field without names: "tenant.cluster.*.kubernetes", or the entity's kind alone.
func (l leaf) kind() string {
	field := state.EntityKind(l.from.Entity)
	if l.from.Path != "" {
		field += "." + l.from.Path
	}
	return named.ReplaceAllString(field, "$1.*")
}

var named = regexp.MustCompile(`\b(cluster|pool|component|bios|resources)\.("[^"]*"|[^.[]+)`)

// change is how a test changes the line that a field stands on into another valid one.
type change struct {
	old, new string // a regular expression for what follows the place on its line, and what it becomes
	// also are further lines, in files whose names contain the first word, that must go along.
	also [][3]string
	// by default: what is written into the entity where so far the schema's default stood.
	set string
	// only: there is no other valid value, so that the edited fleet is refused.
	only bool
}

// changes are those of fields that are not simply made longer (texts) or greater (numbers), by kind,
// or by kind and value.
var changes = map[string]change{
	"allocation.acme.train.h100":    {old: `gpu-\d+`, new: "gpu-004"},
	"allocation.globex.serve.l40s":  {old: `gpu-\d+`, new: "gpu-013"},
	"allocation.mercy.records.h100": {old: `gpu-\d+`, new: "gpu-004"},

	"class.baseline.dell.firmware.bios": {old: `bios`, new: `"nic:NIC.1"`},
	"class.baseline.dell.firmware.bmc":  {old: `bmc`, new: `"nic:NIC.1"`},
	"class.bootMode":                    {set: `"legacy"`},
	"class.sanitise.cleaning":           {set: `"disabled"`},
	"class.image":                       {old: `"[^"]*"`, new: `"spare"`},
	"class.rootDeviceHints.rotational":  {old: `false`, new: "true"},

	"image.checksum":     {old: `"9`, new: `"8`},
	"image.checksumType": {set: `"sha512"`},

	"machine.bmc.address":     {old: `10\.10\.0\.`, new: "10.10.1."},
	"machine.bmc.certificate": {set: `"any"`},
	"machine.bmc.credentials": {old: `-bmc`, new: "-ipmi"},
	"machine.bootMAC":         {old: `5c:ff:35`, new: "5c:ff:36", also: [][3]string{{"machines.cue", `"eth0", role: "north-south", mac: "5c:ff:35`, `"eth0", role: "north-south", mac: "5c:ff:36`}}},
	"machine.class=h100-8x":   {old: `"h100-8x"`, new: `"h100-8x-spare"`, also: [][3]string{{"tenants/", `"h100-8x"`, `"h100-8x-spare"`}}},
	"machine.class=l40s-4x":   {old: `"l40s-4x"`, new: `"l40s-4x-spare"`, also: [][3]string{{"globex.cue", `"l40s-4x"`, `"l40s-4x-spare"`}}},
	"machine.lifecycle":       {set: `"maintenance"`},
	"machine.site": {old: `"dc1"`, new: `"dc2"`, also: [][3]string{
		{"segments/", `site: "dc1"`, `site: "dc2"`}, {"tenants/", `"dc1"`, `"dc2"`}, {"sites/dc1.cue", `10\.10\.0\.0/16`, "10.11.0.0/16"}, {"sites/dc2.cue", `10\.11\.0\.0/16`, "10.10.0.0/16"}}},

	"platform.clusterRef":          {set: `"other"`},
	"platform.dns":                 {old: `255\.53`, new: "255.63"},
	"platform.metal3.namespace":    {set: `"other"`},
	"platform.metal3.nodeProvider": {set: `"other"`},
	"platform.namespace":           {set: `"other"`},
	"platform.owner":               {set: `"other"`},

	"platform.identity.oidc":                  {old: `oidc`, new: `_oidc`, only: true},
	"platform.identity.oidc.clientSecret.key": {set: `"other"`},
	"platform.identity.oidc.groupsClaim":      {set: `"roles"`},
	"platform.identity.oidc.scopes":           {set: `["openid"]`},
	"platform.identity.oidc.usernameClaim":    {set: `"sub"`},
	"platform.identity.passwords":             {set: `true`, only: true}, // an enterprise signs on
	"platform.mirror.registry":                {old: `/mirror`, new: ``},
	"platform.mirror.upstreams":               {set: `["example.com"]`},
	"platform.vcluster.version":               {old: `0\.36\.0`, new: "0.36.1"},

	"segment.infiniband.pkey":    {set: `"0x12"`, only: true},
	"segment.northSouth.dhcp":    {set: "false"},
	"segment.northSouth.gateway": {old: `\.1"`, new: `.2"`},
	"segment.northSouth.network": {old: `/16`, new: "/17"},
	"segment.northSouth.nics":    {old: `"eth`, new: `"eno`, also: [][3]string{{"classes.cue", `"eth`, `"eno`}, {"machines.cue", `"eth`, `"eno`}, {"segments/", `"eth`, `"eno`}}},
	"segment.northSouth.subnet":  {old: `/24`, new: "/25"},
	"segment.northSouth.vlan":    {set: "120", only: true},
	"segment.version":            {set: "2"},

	"site.netris.adminTenant": {set: `"Other"`},

	"stack.component.*.path": {old: `"stacks/(components|charts)/[^"]*"`, new: `"stacks/$1/spare"`},

	"tenant.access.others":                                  {set: `"edit"`},
	"tenant.admins":                                         {old: `idp:`, new: "idp:x-"},
	"tenant.audit":                                          {old: `audit: .*`, only: true},
	"tenant.audit.level":                                    {set: `"Request"`},
	"tenant.audit.retention.files":                          {set: `7`},
	"tenant.audit.retention.megabytes":                      {set: `7`},
	"tenant.audit.sink":                                     {old: `"file"[^}]*`, new: `"stdout"`},
	"tenant.cluster":                                        {old: `(?s)cluster: .*`, new: "}\n"},
	"tenant.cluster=[]":                                     {old: `(?s)cluster: .*`, new: "cluster: spare: {" + spareCluster + "}\n}\n", set: "{spare: {" + spareCluster + "}}"},
	"tenant.cluster.*.policies":                             {old: `policies: quota: .*`, new: `policies: limits: max: cpu: "8"`},
	"tenant.cluster.*.pool.*.count=2":                       {old: `\d`, new: "1"},
	"tenant.cluster.*.policies.networkPolicy":               {set: `false`},
	"tenant.cluster.*.policies.publicEgress":                {set: `false`},
	"tenant.cluster.*.pool.*.sshKeys":                       {set: `["spare"]`},
	"tenant.cluster.*.sharedNodes.realNodes":                {set: `false`},
	"tenant.cluster.*.sharedNodes.runtimeClass":             {set: `"other"`, only: true},
	"tenant.cluster.*.controlPlane.replicas":                {old: `1`, new: "5", set: "5"},
	"tenant.cluster.*.controlPlane.size":                    {set: `"large"`},
	"tenant.cluster.*.controlPlane.store.type":              {set: `"deployed-etcd"`, also: [][3]string{{"mercy.cue", `"file"[^}]*`, `"stdout"`}}},
	"tenant.cluster.*.privateNodes.autoUpgrade.concurrency": {set: `2`},
	"tenant.cluster.*.privateNodes.autoUpgrade.enabled":     {set: `false`},
	"tenant.cluster.*.privateNodes.join.containerd":         {set: `false`},
	"tenant.cluster.*.privateNodes.vpn":                     {set: `"nodes"`},
	"tenant.cluster.*.kubernetes":                           {old: `1\.35\.2`, new: "1.35.3"},
	"tenant.cluster.*.networking.podCIDR":                   {set: `"10.250.0.0/16"`},
	"tenant.cluster.*.networking.serviceCIDR":               {set: `"10.112.0.0/12"`},
	"tenant.cluster.*.nodes":                                {old: `"shared"`, new: `"private"`, set: `"shared"`, only: true},
	"tenant.cluster.*.pool.*.count":                         {old: `\d`, new: "2"},
	"tenant.cluster.*.pool.*.taints.effect":                 {old: `NoSchedule`, new: "NoExecute"},
	"tenant.cluster.*.pool.*.taints.key":                    {old: `nvidia`, new: "example"},
	"tenant.cluster.*.segment":                              {old: `"(acme-train|globex-serve|mercy-records)"`, new: `"$1-spare"`},
}

// spareCluster is a cluster with a machine, for a tenant that has none.
const spareCluster = `kubernetes: "v1.35.2", stack: "isolated", segment: "acme-train-spare", pool: spare: {class: "h100-8x", count: 1}`

// spares are what edited fields name instead; unused, they render to nothing.
func spares(files fstest.MapFS) {
	text := func(name string) string { return string(files[name].Data) }
	put := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
	between := func(name, from, to string) string {
		_, rest, _ := strings.Cut(text(name), from)
		body, _, _ := strings.Cut(rest, to)
		return from + body
	}
	head := func(pkg string) string {
		return "package " + pkg + "\n\nimport (\n\t\"list\"\n\t\"millwright.dev/fleet\"\n)\n\n_list: list.MaxItems(1)\n\n"
	}
	put("spare/classes/classes.cue", head("spare")+
		strings.Replace(between("hardware/classes.cue", `class: "h100-8x"`, "\n}\n")+"\n}\n", "h100-8x", "h100-8x-spare", 1)+
		strings.Replace(between("hardware/classes.cue", `class: "l40s-4x"`, "\n}\n")+"\n}\n", "l40s-4x", "l40s-4x-spare", 1))
	put("spare/images/images.cue", strings.Replace(text("hardware/images.cue"), `"ubuntu-noble-gpu"`, `"spare"`, 1))
	put("platform/spare.cue", "package platform\n\nplatform: metal3: sshKey: spare: publicKey: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f spare@example.com\"\n")
	put("sites/dc2.cue", strings.NewReplacer("dc1:", "dc2:", "netris.dc1.", "netris.dc2.", "10.10.0.0/16", "10.11.0.0/16").Replace(text("sites/dc1.cue")))
	for segment, net := range map[string]string{"acme-train": "10.20", "globex-serve": "10.21", "mercy-records": "10.22"} {
		put("segments/"+segment+"-spare.cue", strings.NewReplacer(segment, segment+"-spare", net, net+"0").Replace(text("segments/"+segment+".cue")))
	}
	put("stacks/components/spare/kustomization.yaml", "resources: [spare.yaml]\n")
	put("stacks/components/spare/spare.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: spare}\n")
	put("stacks/charts/spare/Chart.yaml", "apiVersion: v2\nname: spare\nversion: 0.1.0\n")
	put("stacks/charts/spare/templates/spare.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: spare}\n")
}

// exampleFiles are those of the example, in memory.
func exampleFiles(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	from := os.DirFS(example)
	require.NoError(t, fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	}))
	return files
}

// rendering is a fleet with its leaves.
type rendering struct {
	fleet  *fleet.Fleet
	leaves []leaf
	values map[string]any // by address and path
}

func (l leaf) key() string { return l.id.String() + " " + l.path }

// renderFiles compiles and renders; a fleet of which only the allocation does not fit is allocated
// anew first, as its author would.
func renderFiles(t *testing.T, c *compiler, files fstest.MapFS) (rendering, diag.List) {
	t.Helper()
	f, found := c.Load(t.Context(), files)
	if f != nil && found.Err() != nil && without(found, countsDoNotFit).Err() == nil {
		text, _, err := fleet.Allocate(f)
		require.NoError(t, err)
		files[fleet.AllocationFile(f)] = &fstest.MapFile{Data: text}
		f, found = c.Load(t.Context(), files)
	}
	if found.Err() != nil {
		return rendering{}, found
	}
	set, found := c.Render(t.Context(), f, render.Inputs{FS: files})
	afresh, _ := render.Render(t.Context(), f, render.Inputs{FS: files})
	require.Equal(t, slices.Collect(afresh.All()), slices.Collect(set.All()), "rendered again it differs")
	r := rendering{fleet: f, values: map[string]any{}}
	for o := range set.All() {
		for at, tree := range o.Tree.Leaves() {
			l := leaf{o.ID, at.String(), tree.Masked(), fleet.Query{Entity: tree.Origin().Entity, Path: tree.Origin().Field}}
			r.leaves = append(r.leaves, l)
			r.values[l.key()] = l.value
		}
	}
	return r, found
}

// testCompiler compiles in worker processes, which are plain builds also in a race build.
func testCompiler(t *testing.T) *compiler {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := &compiler{Loader: fleet.NewLoader(fleet.Options{Worker: fleet.Worker{Path: cmp.Or(os.Getenv(plainWorker), self)}})}
	t.Cleanup(c.Close)
	return c
}

// TestWhyIsTrue asks of every leaf of every object of the example which line made it so, edits that
// line into another valid one, and sees that very leaf change or vanish. Leaves that share a line
// share the edit.
func TestWhyIsTrue(t *testing.T) {
	c := testCompiler(t)
	files := exampleFiles(t)
	spares(files)
	base, found := renderFiles(t, c, files)
	require.NoError(t, found.Err())
	require.Greater(t, len(base.leaves), 500)

	queries := make([]fleet.Query, len(base.leaves))
	for i, l := range base.leaves {
		queries[i] = l.from
	}
	places, err := base.fleet.LocateAll(t.Context(), queries)
	require.NoError(t, err)

	byPlace := map[diag.Pos][]leaf{}
	first := map[diag.Pos]fleet.Place{}
	for i, l := range base.leaves {
		require.NotEmpty(t, places[i], "%s: %s of %s stands nowhere", l.key(), l.from.Path, l.from.Entity)
		p := places[i][0]
		require.NotZero(t, p.Pos.Line, l.key())
		require.Equal(t, p.Schema, p.Default, "%s: %s names a rule of the schema as if it gave the value", l.key(), p.Pos)
		byPlace[p.Pos] = append(byPlace[p.Pos], l)
		first[p.Pos] = p
	}
	for _, pos := range slices.SortedFunc(maps.Keys(byPlace), diag.Pos.Compare) {
		t.Run(strings.ReplaceAll(pos.String(), "/", "|"), func(t *testing.T) {
			leaves := byPlace[pos]
			edited := maps.Clone(files)
			refused := apply(t, edited, base.fleet, first[pos], leaves)
			after, found := renderFiles(t, c, edited)
			if refused {
				require.Error(t, found.Err(), "there is a valid edit after all")
				return
			}
			require.NoError(t, found.Err())
			for _, l := range leaves {
				now, there := after.values[l.key()]
				require.False(t, there && reflect.DeepEqual(now, l.value), "%s is still %v, though %s was said to make it so, and was changed", l.key(), l.value, pos)
			}
		})
	}
}

// apply edits the line that leaves come from. It reports whether the fleet can only be refused then.
func apply(t *testing.T, files fstest.MapFS, f *fleet.Fleet, place fleet.Place, leaves []leaf) (refused bool) {
	t.Helper()
	from := leaves[0].from
	kind := strings.TrimSuffix(regexp.MustCompile(`\[\d+\]`).ReplaceAllString(leaves[0].kind(), ""), ".")
	e, ok := changes[kind]
	if special, is := changes[fmt.Sprintf("%s=%v", kind, leaves[0].value)]; is {
		e, ok = special, true
	}
	at := place.Pos
	switch {
	case place.Default:
		require.NotEmpty(t, e.set, "%s: no other value for what is a default", kind)
		for i, l := range leaves {
			set(t, files, f, l.from, e.set, i)
		}
		goAlong(files, e.also)
		return e.only
	case kind == "platform": // there is exactly one
		delete(files, at.File)
		return true
	case from.Path == "" || kind == "tenant.cluster.*" || kind == "tenant.cluster.*.pool.*":
		rename(files, lastWord(from))
		return false
	case !ok && regexp.MustCompile(`^[^"]*\d`).MatchString(following(t, files, at)):
		e = change{old: `(\d+)`, new: "1$1"}
	case !ok:
		e = change{old: `"([^"]+)"`, new: `"${1}x"`}
	}
	text := string(files[at.File].Data)
	tail := following(t, files, at)
	head := strings.TrimSuffix(text, tail)
	line, more, _ := strings.Cut(tail, "\n")
	more = "\n" + more
	if strings.HasPrefix(e.old, "(?s)") {
		line, more = tail, ""
	}
	pattern := regexp.MustCompile(e.old)
	where := pattern.FindStringIndex(line)
	require.NotNil(t, where, "%s: nothing like %s in %q", kind, e.old, line)
	line = line[:where[0]] + pattern.ReplaceAllString(line[where[0]:where[1]], e.new) + line[where[1]:]
	files[at.File] = &fstest.MapFile{Data: []byte(head + line + more)}
	goAlong(files, e.also)
	return e.only
}

// goAlong changes further lines.
func goAlong(files fstest.MapFS, all [][3]string) {
	for _, also := range all {
		for name, file := range files {
			if strings.Contains(name, also[0]) && !strings.Contains(name, "cue.mod") {
				pattern := regexp.MustCompile(also[1])
				files[name] = &fstest.MapFile{Data: pattern.ReplaceAll(file.Data, []byte(also[2]))}
			}
		}
	}
}

// following is a file from a place on.
func following(t *testing.T, files fstest.MapFS, at diag.Pos) string {
	t.Helper()
	lines := strings.SplitAfter(string(files[at.File].Data), "\n")
	require.LessOrEqual(t, at.Line, len(lines))
	return strings.Join(lines[at.Line-1:], "")[at.Column-1:]
}

// set writes a field of an entity in a file of its own beside it.
func set(t *testing.T, files fstest.MapFS, f *fleet.Fleet, field fleet.Query, value string, n int) {
	t.Helper()
	beside := f.PosOf(field.Entity).File
	pkg, _, _ := strings.Cut(string(files[beside].Data[strings.Index(string(files[beside].Data), "package "):]), "\n")
	text := pkg + "\n\n"
	for _, word := range strings.SplitN(field.Entity, "/", 2) {
		text += fmt.Sprintf("%q: ", word)
	}
	text += strings.ReplaceAll(regexp.MustCompile(`\[\d+\]$`).ReplaceAllString(field.Path, ""), ".", ": ") + ": " + value + "\n"
	files[path.Join(path.Dir(beside), fmt.Sprintf("edit-%d.cue", n))] = &fstest.MapFile{Data: []byte(text)}
}

// rename gives an entity, a cluster or a pool another name, everywhere.
func rename(files fstest.MapFS, name string) {
	other := name[:len(name)-1] + "z"
	for file, content := range files {
		if path.Ext(file) == ".cue" && !strings.HasPrefix(file, "cue.mod") {
			text := strings.ReplaceAll(string(content.Data), `"`+name+`"`, `"`+other+`"`)
			text = regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`:`).ReplaceAllString(text, other+":")
			files[file] = &fstest.MapFile{Data: []byte(text)}
		}
	}
}

func lastWord(q fleet.Query) string {
	if q.Path != "" {
		return q.Path[strings.LastIndex(q.Path, ".")+1:]
	}
	return q.Entity[strings.LastIndex(q.Entity, "/")+1:]
}
