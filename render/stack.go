package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// componentKey is all that a component's objects depend on, beside the repository.
type componentKey struct{ stack, component, kubernetes string }

// component is a rendered component.
type component struct {
	manifests []manifest
	mu        sync.Mutex              // guards trees, since tenants are rendered at the same time
	trees     map[state.ID]state.Tree // by address without the target: the same in every cluster
	found     diag.List
	made      reads // out of these files
}

// stack renders what is installed into a cluster. Everything waits for the cluster; beyond that
// namespaced objects wait for their namespace, custom resources for their definition, workloads for
// all definitions of their component, and a component for those it names: for their definitions and
// workloads or, where they have none, for all of them.
func (r *renderer) stack(c cluster) {
	if c.Stack == "" {
		return
	}
	s := r.fleet.Stacks[c.Stack]
	rendered := r.parts(c)
	in := install{renderer: r, cluster: c, stack: s, scopes: map[string]bool{}, crds: map[string]state.ID{},
		by: map[state.ID]string{}, gates: map[string][]state.ID{}, defaults: map[state.ID]bool{}}
	for name := range c.Namespaces {
		in.by[in.id("Namespace", "", name)] = "cluster " + c.name // made with the cluster, see namespaces
	}
	parts := partsOf(s)
	order := inOrder(parts)
	for _, name := range order {
		for _, m := range rendered[name].manifests {
			if kind, namespaced, ok := m.defines(); ok {
				in.scopes[kind] = namespaced
				in.crds[kind] = in.id(kindCRD, "", m.name())
			}
		}
	}
	for _, name := range order {
		in.component(parts[name], rendered[name])
	}
	in.tenantFields(rendered)
	in.storageClasses()
	in.queues()
}

// parts are the rendered parts of a cluster's stack, by name.
func (r *renderer) parts(c cluster) map[string]*component {
	s := r.fleet.Stacks[c.Stack]
	parts, rendered := partsOf(s), map[string]*component{}
	for _, name := range inOrder(parts) {
		var apis []string
		for _, b := range before(parts, name) {
			apis = append(apis, definedAPIs(rendered[b].manifests)...)
		}
		rendered[name] = r.component(c, s, parts[name], apis)
	}
	return rendered
}

// part is a component or an entry of the catalogue, as far as both are installed alike.
type part struct {
	name, field string   // "limits", "component.limits"
	content     string   // the field that says what it is made of: "component.limits.path"
	waits       []string // for these parts of the stack, sorted
	namespace   string
	privileged  bool             // its namespace
	files       *fleet.Component // nil, or
	chart       *fleet.Chart     // nil
}

func (p part) isChart() bool { return p.chart != nil || p.files.Type == "helm" }

// partsOf are the parts of a stack by name.
func partsOf(s *fleet.Stack) map[string]part {
	all, waits := map[string]part{}, s.Order()
	for name, c := range s.Components {
		field := key("component", name)
		all[name] = part{name: name, field: field, content: field + ".path", waits: waits[name], namespace: c.Namespace, files: c}
	}
	for name, c := range s.Catalogue {
		field := key("catalogue", name)
		all[name] = part{name: name, field: field, content: field + ".version", waits: waits[name], namespace: c.Namespace, privileged: c.Privileged, chart: c}
	}
	return all
}

// inOrder are the names of a stack's parts, each after those it waits for.
func inOrder(parts map[string]part) []string {
	return depthFirst(parts, slices.Sorted(maps.Keys(parts)))
}

// before are the parts that one waits for, and those that these wait for.
func before(parts map[string]part, name string) []string {
	return depthFirst(parts, parts[name].waits)
}

func depthFirst(parts map[string]part, roots []string) []string {
	var order []string
	seen := map[string]bool{}
	var visit func(names []string)
	visit = func(names []string) {
		for _, name := range names {
			if !seen[name] {
				seen[name] = true
				visit(parts[name].waits)
				order = append(order, name)
			}
		}
	}
	visit(roots)
	return order
}

// component renders a component once for all clusters that have it and run the same Kubernetes, or
// takes it from the last rendering if it was made of files that are still the same, and nothing was
// found. Charts of the store are the same as long as their digests are.
func (r *renderer) component(cl cluster, s *fleet.Stack, p part, apis []string) *component {
	k := componentKey{s.Name, p.name, cl.Kubernetes}
	done := r.next.components[k]
	if last := r.last.components[k]; done == nil && last != nil && last.found == nil && last.made.unchanged(r.files) {
		done = last
		r.next.components[k] = last
	}
	if done != nil {
		return done
	}
	at := diag.Diagnostic{Path: "stack/" + s.Name + "." + p.field, Pos: s.Pos}
	files := &repo{fs: r.files, read: reads{}}
	manifests, found := r.manifests(files, p, cl.Kubernetes, apis)
	r.mirrored(manifests)
	for _, m := range manifests {
		found = append(found, m.check(p.isChart())...)
		m.leave(s.TenantFields)
	}
	done = &component{trees: map[state.ID]state.Tree{}, made: files.read}
	for _, d := range found {
		d.Path, d.Pos = at.Path, at.Pos
		d.Summary = fmt.Sprintf("component %s of stack %s: %s", p.name, s.Name, d.Summary)
		done.found = append(done.found, d)
	}
	if found.Err() == nil {
		done.manifests = manifests
	}
	r.next.components[k] = done
	return done
}

// manifests are the objects of a part, as kustomize or Helm render them. Both are made to work on
// files that anybody may have written, so that a panic in them is a finding like others.
func (r *renderer) manifests(files *repo, p part, kubernetes string, apis []string) (out []manifest, found diag.List) {
	code := "MW303"
	if p.isChart() {
		code = "MW304"
	}
	fail := func(err error) {
		out, found = nil, append(found, diag.Diagnostic{Code: code, Summary: err.Error()})
	}
	defer func() {
		if p := recover(); p != nil {
			fail(fmt.Errorf("rendering it failed: %v", p))
		}
	}()
	if err := r.ctx.Err(); err != nil {
		fail(fmt.Errorf("rendering was stopped: %w", err))
		return out, found
	}
	var err error
	to := release{name: p.name, namespace: p.namespace, kubernetes: kubernetes, apis: apis}
	switch c := p.files; {
	case p.chart != nil:
		out, found, err = r.fromStore(p, to)
	case !files.isDirectory(c.Path):
		return nil, diag.List{{Code: "MW302", Summary: fmt.Sprintf("there is no directory %s in the repository", c.Path)}}
	case c.Type == "helm":
		to.values = c.Values
		out, found, err = helmDirectory(r.ctx, files, c.Path, to)
	default:
		out, err = kustomize(files, c)
	}
	if err == nil {
		out, err = plain(out)
	}
	if err != nil {
		fail(err)
	}
	return out, found
}

// install turns a stack's objects into desired ones of one cluster.
type install struct {
	*renderer
	cluster cluster
	stack   *fleet.Stack
	scopes  map[string]bool       // by kind: namespaced, as the stack's definitions say
	crds    map[string]state.ID   // by kind: its definition
	by      map[state.ID]string   // which component an object comes from
	gates   map[string][]state.ID // by component: what others wait for
	// defaults are the storage classes that claims without a class get.
	defaults map[state.ID]bool
}

func (in *install) id(kind, namespace, name string) state.ID {
	return in.cluster.inCluster(kind, namespace, name)
}

// component adds a part's objects, and the namespace they go to if nothing else makes it.
func (in *install) component(p part, done *component) {
	name, manifests := p.name, done.manifests
	first := []state.ID{in.instanceID(in.cluster)}
	for _, b := range p.waits {
		first = append(first, in.gates[b]...)
	}
	var ids, definitions []state.ID
	for _, m := range manifests {
		id := in.address(m, p)
		ids = append(ids, id)
		if id.Kind == kindCRD {
			definitions = append(definitions, id)
		}
	}
	namespaces := in.namespaces(p, ids)

	for i, m := range manifests {
		id := ids[i]
		if other, taken := in.by[id]; taken {
			in.report(diag.Diagnostic{
				Code: "MW308", Summary: fmt.Sprintf("%s is rendered twice in stack %s: by component %s and by %s", id, in.stack.Name, other, name),
				Hint: "leave it to one of them", Path: "stack/" + in.stack.Name + "." + p.field, Pos: in.stack.Pos,
			})
			continue
		}
		in.by[id] = name
		if m.isDefault() {
			in.defaults[id] = true
		}
		on := slices.Clone(first)
		if ns, ok := namespaces[id.Namespace]; ok {
			on = append(on, ns)
		}
		if crd, ok := in.crds[id.Kind]; ok {
			on = append(on, crd)
		} else if workloads[id.Kind] {
			on = append(on, definitions...)
		}
		in.add(state.Object{ID: id, Entity: in.cluster.entity(), Tree: in.tree(done, m, id, p), After: after(unique(on)...)})
	}
	in.gates[name] = gates(ids)
}

// workloads are the kinds that run something.
var workloads = map[string]bool{"Deployment.apps": true, "DaemonSet.apps": true, "StatefulSet.apps": true, "Job.batch": true, "Pod": true}

// gates are the objects of a component that those after it wait for.
func gates(ids []state.ID) []state.ID {
	var some []state.ID
	for _, id := range ids {
		if id.Kind == kindCRD || workloads[id.Kind] {
			some = append(some, id)
		}
	}
	if some == nil {
		some = ids
	}
	return some
}

func unique(ids []state.ID) []state.ID {
	slices.SortFunc(ids, state.ID.Compare)
	return slices.Compact(ids)
}

// address is where an object goes. What is namespaced and names no namespace goes to the component's.
func (in *install) address(m manifest, p part) state.ID {
	kind, namespace := m.kind(), m.namespace()
	namespaced, known := in.scopes[kind]
	if !known && builtIn(kind) {
		namespaced, known = !clusterScoped[kind], true
	}
	switch {
	case !known && namespace == "":
		in.report(diag.Diagnostic{
			Severity: diag.Warning, Code: "MW309",
			Summary: fmt.Sprintf("component %s of stack %s: %s: whether %s is namespaced is not known, so it is taken to be cluster-wide", p.name, in.stack.Name, m.file, kind),
			Hint:    "write its namespace, or put its definition into the stack",
			Path:    "stack/" + in.stack.Name + "." + p.field, Pos: in.stack.Pos,
		})
	case known && !namespaced:
		namespace = ""
	case known:
		namespace = cmp.Or(namespace, p.namespace)
	}
	return in.id(kind, namespace, m.name())
}

// given are the namespaces that every cluster has.
var given = []string{"default", "kube-system", "kube-public", "kube-node-lease"}

// namespaces are the addresses of the namespaces that a component's objects wait for. The component's
// own is added if no object of the stack so far makes it.
func (in *install) namespaces(p part, ids []state.ID) map[string]state.ID {
	all := map[string]state.ID{}
	for _, id := range ids {
		if id.Kind == "Namespace" {
			all[id.Name] = id
		}
	}
	for id := range in.by {
		if id.Kind == "Namespace" {
			all[id.Name] = id
		}
	}
	if _, made := all[p.namespace]; made || slices.Contains(given, p.namespace) {
		return all
	}
	id := in.id("Namespace", "", p.namespace)
	s, field := source("stack/"+in.stack.Name), p.field+".namespace"
	made := func(value any) state.Tree { return s.because(field, "nothing else makes it", value) }
	in.by[id] = p.name
	meta := fields{"name": s.of(field, p.namespace)}
	if p.privileged {
		meta["labels"] = node(fields{"pod-security.kubernetes.io/enforce": s.because(p.field+".privileged", "its pods reach into the node", "privileged")})
	}
	in.add(state.Object{ID: id, Entity: in.cluster.entity(), After: after(in.instanceID(in.cluster)), Tree: node(fields{
		"apiVersion": made("v1"),
		"kind":       made("Namespace"),
		"metadata":   node(meta),
	})})
	all[p.namespace] = id
	return all
}

// tree is an object's desired tree, in the namespace of its address.
func (in *install) tree(done *component, m manifest, id state.ID, p part) state.Tree {
	k := id
	k.Target = state.Target{}
	done.mu.Lock()
	defer done.mu.Unlock()
	if t, ok := done.trees[k]; ok {
		return t
	}
	origin := state.Origin{Entity: "stack/" + in.stack.Name, Field: p.content, Note: m.file}
	t := state.FromPlain(m.body, origin)
	body := open(t)
	meta := open(body["metadata"])
	delete(meta, "namespace")
	switch {
	case id.Namespace == "":
	case m.namespace() == "":
		meta["namespace"] = source("stack/"+in.stack.Name).of(p.field+".namespace", id.Namespace)
	default:
		meta["namespace"] = state.Leaf(id.Namespace, origin)
	}
	body["metadata"] = state.Map(meta, origin)
	if id.Kind == "Secret" {
		seal(body, origin)
	}
	done.trees[k] = state.Map(body, origin)
	return done.trees[k]
}
