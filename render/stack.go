package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// componentKey is all that a component's objects depend on, beside the repository.
type componentKey struct{ stack, component, kubernetes string }

// component is a rendered component.
type component struct {
	manifests []manifest
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
	parts := r.parts(c)
	in := install{renderer: r, cluster: c, stack: s, scopes: map[string]bool{}, crds: map[string]state.ID{},
		by: map[state.ID]string{}, gates: map[string][]state.ID{}}
	for name := range c.Namespaces {
		in.by[in.id("Namespace", "", name)] = "cluster " + c.name // made with the cluster, see namespaces
	}
	order := inOrder(s)
	for _, name := range order {
		for _, m := range parts[name].manifests {
			if kind, namespaced, ok := m.defines(); ok {
				in.scopes[kind] = namespaced
				in.crds[kind] = in.id(kindCRD, "", m.name())
			}
		}
	}
	for _, name := range order {
		in.component(name, parts[name])
	}
}

// parts are the rendered components of a cluster's stack, by name.
func (r *renderer) parts(c cluster) map[string]*component {
	s := r.fleet.Stacks[c.Stack]
	parts := map[string]*component{}
	for _, name := range inOrder(s) {
		var apis []string
		for _, b := range before(s, name) {
			apis = append(apis, definedAPIs(parts[b].manifests)...)
		}
		parts[name] = r.component(c, s, name, apis)
	}
	return parts
}

// inOrder are the names of a stack's components, each after those it names.
func inOrder(s *fleet.Stack) []string {
	return depthFirst(s, slices.Sorted(maps.Keys(s.Components)))
}

// before are the components that one names, and those that these name.
func before(s *fleet.Stack, name string) []string {
	return depthFirst(s, s.Components[name].After)
}

func depthFirst(s *fleet.Stack, roots []string) []string {
	var order []string
	seen := map[string]bool{}
	var visit func(names []string)
	visit = func(names []string) {
		for _, name := range slices.Sorted(slices.Values(names)) {
			if !seen[name] {
				seen[name] = true
				visit(s.Components[name].After)
				order = append(order, name)
			}
		}
	}
	visit(roots)
	return order
}

// component renders a component once for all clusters that have it and run the same Kubernetes, or
// takes it from the last rendering if it was made of files that are still the same, and nothing was
// found.
func (r *renderer) component(cl cluster, s *fleet.Stack, name string, apis []string) *component {
	k := componentKey{s.Name, name, cl.Kubernetes}
	done := r.next.components[k]
	if last := r.last.components[k]; done == nil && last != nil && last.found == nil && last.made.unchanged(r.files) {
		done = last
		r.next.components[k] = last
	}
	if done != nil {
		return done
	}
	c := s.Components[name]
	at := diag.Diagnostic{Path: "stack/" + s.Name + "." + key("component", name), Pos: s.Pos}
	files := &repo{fs: r.files, read: reads{}}
	manifests, found := r.manifests(files, c, name, cl.Kubernetes, apis)
	for _, m := range manifests {
		found = append(found, m.check()...)
	}
	done = &component{trees: map[state.ID]state.Tree{}, made: files.read}
	for _, d := range found {
		d.Path, d.Pos = at.Path, at.Pos
		d.Summary = fmt.Sprintf("component %s of stack %s: %s", name, s.Name, d.Summary)
		done.found = append(done.found, d)
	}
	if found.Err() == nil {
		done.manifests = manifests
	}
	r.next.components[k] = done
	return done
}

// manifests are the objects of a component, as kustomize or Helm render them. Both are made to work
// on files that anybody may have written, so that a panic in them is a finding like others.
func (r *renderer) manifests(files *repo, c *fleet.Component, name, kubernetes string, apis []string) (out []manifest, found diag.List) {
	code := "MW303"
	if c.Type == "helm" {
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
	if info, err := files.stat(c.Path); err != nil || !info.IsDir() {
		found = append(found, diag.Diagnostic{Code: "MW302", Summary: fmt.Sprintf("there is no directory %s in the repository", c.Path)})
		return nil, found
	}
	var err error
	if c.Type == "helm" {
		out, found, err = helm(r.ctx, files, c, release{name: name, namespace: c.Namespace, kubernetes: kubernetes, apis: apis})
	} else {
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
}

func (in *install) id(kind, namespace, name string) state.ID {
	return in.cluster.inCluster(kind, namespace, name)
}

// component adds a component's objects, and the namespace they go to if nothing else makes it.
func (in *install) component(name string, part *component) {
	c, manifests := in.stack.Components[name], part.manifests
	first := []state.ID{in.instanceID(in.cluster)}
	for _, b := range slices.Sorted(slices.Values(c.After)) {
		first = append(first, in.gates[b]...)
	}
	var ids, definitions []state.ID
	for _, m := range manifests {
		id := in.address(m, c, name)
		ids = append(ids, id)
		if id.Kind == kindCRD {
			definitions = append(definitions, id)
		}
	}
	namespaces := in.namespaces(c, name, ids)

	for i, m := range manifests {
		id := ids[i]
		if other, taken := in.by[id]; taken {
			in.report(diag.Diagnostic{
				Code: "MW308", Summary: fmt.Sprintf("%s is rendered twice in stack %s: by component %s and by %s", id, in.stack.Name, other, name),
				Hint: "leave it to one of them", Path: "stack/" + in.stack.Name + ".component." + name, Pos: in.stack.Pos,
			})
			continue
		}
		in.by[id] = name
		on := slices.Clone(first)
		if ns, ok := namespaces[id.Namespace]; ok {
			on = append(on, ns)
		}
		if crd, ok := in.crds[id.Kind]; ok {
			on = append(on, crd)
		} else if workloads[id.Kind] {
			on = append(on, definitions...)
		}
		in.add(state.Object{ID: id, Entity: in.cluster.entity(), Tree: in.tree(part, m, id, name), After: after(unique(on)...)})
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
func (in *install) address(m manifest, c *fleet.Component, name string) state.ID {
	kind, namespace := m.kind(), m.namespace()
	namespaced, known := in.scopes[kind]
	if !known && builtIn(kind) {
		namespaced, known = !clusterScoped[kind], true
	}
	switch {
	case !known && namespace == "":
		in.report(diag.Diagnostic{
			Severity: diag.Warning, Code: "MW309",
			Summary: fmt.Sprintf("component %s of stack %s: %s: whether %s is namespaced is not known, so it is taken to be cluster-wide", name, in.stack.Name, m.file, kind),
			Hint:    "write its namespace, or put its definition into the stack",
			Path:    "stack/" + in.stack.Name + ".component." + name, Pos: in.stack.Pos,
		})
	case known && !namespaced:
		namespace = ""
	case known:
		namespace = cmp.Or(namespace, c.Namespace)
	}
	return in.id(kind, namespace, m.name())
}

// given are the namespaces that every cluster has.
var given = []string{"default", "kube-system", "kube-public", "kube-node-lease"}

// namespaces are the addresses of the namespaces that a component's objects wait for. The component's
// own is added if no object of the stack so far makes it.
func (in *install) namespaces(c *fleet.Component, name string, ids []state.ID) map[string]state.ID {
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
	if _, made := all[c.Namespace]; made || slices.Contains(given, c.Namespace) {
		return all
	}
	id := in.id("Namespace", "", c.Namespace)
	s, field := source("stack/"+in.stack.Name), "component."+name+".namespace"
	made := func(value any) state.Tree { return s.because(field, "nothing else makes it", value) }
	in.by[id] = name
	in.add(state.Object{ID: id, Entity: in.cluster.entity(), After: after(in.instanceID(in.cluster)), Tree: node(fields{
		"apiVersion": made("v1"),
		"kind":       made("Namespace"),
		"metadata":   node(fields{"name": s.of(field, c.Namespace)}),
	})})
	all[c.Namespace] = id
	return all
}

// tree is an object's desired tree, in the namespace of its address.
func (in *install) tree(part *component, m manifest, id state.ID, name string) state.Tree {
	k := id
	k.Target = state.Target{}
	if t, ok := part.trees[k]; ok {
		return t
	}
	origin := state.Origin{Entity: "stack/" + in.stack.Name, Field: "component." + name + ".path", Note: m.file}
	t := state.FromPlain(m.body, origin)
	body := open(t)
	meta := open(body["metadata"])
	delete(meta, "namespace")
	switch {
	case id.Namespace == "":
	case m.namespace() == "":
		meta["namespace"] = source("stack/"+in.stack.Name).of("component."+name+".namespace", id.Namespace)
	default:
		meta["namespace"] = state.Leaf(id.Namespace, origin)
	}
	body["metadata"] = state.Map(meta, origin)
	part.trees[k] = state.Map(body, origin)
	return part.trees[k]
}
