package plan

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

var (
	good  = m{"spec": m{"a": 1}}
	bad   = m{"spec": m{"a": 2}}
	older = m{"spec": m{"a": 3}}
)

func remote(r string) func(*state.LiveObject) { return func(o *state.LiveObject) { o.Remote = r } }

func adopted(w *world, address string) *world {
	w.Adopt[address] = true
	return w
}

// What is done about one object follows from what is wanted, remembered and there; design §5 row by row.
func TestWhatIsDoneAboutAnObject(t *testing.T) {
	observed := func(o *state.Object) { o.Mode = state.Observe }
	deleting := func(o *state.LiveObject) { o.Deleting = true }
	for name, c := range map[string]struct {
		world  *world
		of     string
		action Action
		status Status
		held   []string
		causes []Cause
	}{
		"new": {newWorld(t).want(plain, good), plain,
			Create, Progressing, nil, []Cause{CauseCommit}},
		"new, of a protected kind": {newWorld(t).want(protected, good), protected,
			Create, Progressing, nil, []Cause{CauseCommit}},
		"ours and gone": {newWorld(t).want(plain, good).ours(plain, good), plain,
			Create, Missing, nil, []Cause{CauseDrift}},
		"ours and gone, of a protected kind": {newWorld(t).want(protected, good).ours(protected, good), protected,
			Create, Held, []string{"protected"}, []Cause{CauseDrift}},
		"the same, and Git says so": {adopted(newWorld(t).want(protected, good).ours(protected, good), protected), protected,
			Create, Missing, nil, []Cause{CauseDrift}},
		"intrinsic and not there yet": {newWorld(t).want(firmware, good), firmware,
			Nothing, Progressing, nil, nil},
		"intrinsic, ours once, and gone": {newWorld(t).want(firmware, good).ours(firmware, good), firmware,
			Nothing, Progressing, nil, nil},
		"observed and not there": {newWorld(t).want(plain, good, observed), plain,
			Nothing, Missing, nil, nil},

		"ours and as wanted": {newWorld(t).want(plain, good).ours(plain, good).there(plain, good), plain,
			Nothing, InSync, nil, nil},
		"unmarked under our name": {newWorld(t).want(plain, good).there(plain, bad), plain,
			Adopt, Held, []string{"unmarked"}, []Cause{CauseCommit}},
		"unmarked, even just as wanted": {newWorld(t).want(plain, good).there(plain, good), plain,
			Adopt, Held, []string{"unmarked"}, []Cause{CauseCommit}},
		"unmarked, and Git adopts it": {adopted(newWorld(t).want(plain, good).there(plain, bad), plain), plain,
			Adopt, Progressing, nil, []Cause{CauseCommit}},
		"intrinsic on first sight": {newWorld(t).want(firmware, good).there(firmware, bad), firmware,
			Update, Progressing, nil, []Cause{CauseCommit}},
		"replaced behind our back": {newWorld(t).want(plain, good).ours(plain, good).there(plain, good, remote("2")), plain,
			Adopt, Held, []string{"unmarked"}, []Cause{CauseDrift}},
		"replaced, and Git adopts it": {adopted(newWorld(t).want(plain, good).ours(plain, good).there(plain, good, remote("2")), plain), plain,
			Nothing, InSync, nil, nil},
		"intrinsic and made anew by its owner": {newWorld(t).want(firmware, good).ours(firmware, good).there(firmware, bad, remote("2")), firmware,
			Update, Drifted, nil, []Cause{CauseDrift}},
		"marked, forgotten, as wanted": {newWorld(t).want(plain, good).there(plain, good, marked), plain,
			Nothing, InSync, nil, nil},
		"marked, forgotten, different": {newWorld(t).want(plain, good).there(plain, bad, marked), plain,
			Adopt, Held, []string{"unmarked"}, []Cause{CauseCommit}},
		"marked as something else": {newWorld(t).want(plain, good).there(plain, good, func(o *state.LiveObject) { o.Mark = id(t, vpc) }), plain,
			Adopt, Held, []string{"unmarked"}, []Cause{CauseCommit}},
		"being deleted": {newWorld(t).want(plain, good).ours(plain, good).there(plain, bad, deleting), plain,
			Nothing, Progressing, nil, nil},

		"changed by somebody": {newWorld(t).want(plain, good).ours(plain, good).there(plain, bad), plain,
			Update, Drifted, nil, []Cause{CauseDrift}},
		"changed by the commit": {newWorld(t).want(plain, good).ours(plain, bad).there(plain, bad), plain,
			Update, Progressing, nil, []Cause{CauseCommit}},
		"changed by an upgrade": {newWorld(t).want(plain, good).there(plain, bad).ours(plain, bad, func(o *state.Owned) { o.Commit, o.Renderer = "new", "v0" }), plain,
			Update, Progressing, nil, []Cause{CauseUpgrade}},
		"a commit and an upgrade since": {newWorld(t).want(plain, good).there(plain, bad).ours(plain, bad, func(o *state.Owned) { o.Renderer = "v0" }), plain,
			Update, Progressing, nil, []Cause{CauseCommit, CauseUpgrade}},
		"changed by the commit and by somebody": {newWorld(t).want(plain, good).ours(plain, older).there(plain, bad, wrote("kubectl")), plain,
			Update, Drifted, nil, []Cause{CauseCommit, CauseDrift}},
		"changed by the commit where we wrote last": {newWorld(t).want(plain, good).ours(plain, older).there(plain, older, wrote("millwright")), plain,
			Update, Progressing, nil, []Cause{CauseCommit}},
		// A host whose creation was cut off after its first request lacks what cannot change later.
		"what cannot change in place may still be set": {newWorld(t).want(vpc, m{"adminTenant": "b"}).ours(vpc, m{"adminTenant": "b"}).there(vpc, m{}), vpc,
			Update, Drifted, nil, []Cause{CauseDrift}},
		"what cannot change in place": {newWorld(t).want(vpc, m{"adminTenant": "b"}).ours(vpc, m{"adminTenant": "a"}).there(vpc, m{"adminTenant": "a"}), vpc,
			Replace, Held, []string{"replace"}, []Cause{CauseCommit}},
		"a name that only begins like it": {newWorld(t).want(vpc, m{"adminTenantNote": "b"}).ours(vpc, m{"adminTenantNote": "a"}).there(vpc, m{"adminTenantNote": "a"}), vpc,
			Update, Progressing, nil, []Cause{CauseCommit}},
		"observed and different": {newWorld(t).want(plain, good, observed).there(plain, bad), plain,
			Nothing, Drifted, nil, []Cause{CauseDrift}},
		"observed and as expected": {newWorld(t).want(plain, good, observed).there(plain, good), plain,
			Nothing, InSync, nil, nil},

		"unreadable": {newWorld(t).want(protected, good).ours(protected, good).unreadable(protected, errors.New("403")), protected,
			Nothing, Unknown, nil, nil},
		"unreadable, and no longer wanted": {newWorld(t).ours(plain, good).unreadable(plain, errors.New("403")).entity("cluster/acme/train", true), plain,
			Nothing, Unknown, nil, nil},

		"no longer wanted": {newWorld(t).ours(plain, good).there(plain, good).entity("cluster/acme/train", false), plain,
			Delete, Progressing, nil, []Cause{CauseCommit}},
		"no longer wanted, of a protected kind": {newWorld(t).ours(protected, good).there(protected, good).entity("cluster/acme/train", false), protected,
			Delete, Held, []string{"retire-first"}, []Cause{CauseCommit}},
		"retired, of a protected kind": {newWorld(t).ours(protected, good).there(protected, good).entity("cluster/acme/train", true), protected,
			Delete, Progressing, nil, []Cause{CauseCommit}},
		"its file vanished": {newWorld(t).ours(plain, good).there(plain, good), plain,
			Delete, Held, []string{"retire-first"}, []Cause{CauseCommit}},
		"its pool was dropped": {newWorld(t).ours(member, good, forPool).there(member, good).entity("cluster/acme/train", false), member,
			Delete, Progressing, nil, []Cause{CauseCommit}},
		"its pool vanished with the cluster": {newWorld(t).ours(member, good, forPool).there(member, good).entity("tenant/acme", false), member,
			Delete, Held, []string{"retire-first"}, []Cause{CauseCommit}},
		"its pool was dropped, of a protected kind": {newWorld(t).ours(protected, good, forPool).there(protected, good).entity("cluster/acme/train", false), protected,
			Delete, Held, []string{"retire-first"}, []Cause{CauseCommit}},
		"no longer wanted, and shared with others": {newWorld(t).ours(host, good).there(host, good).entity("cluster/acme/train", true), host,
			Release, Progressing, nil, []Cause{CauseCommit}},
		"no longer wanted, and already going": {newWorld(t).ours(plain, good).there(plain, good, deleting).entity("cluster/acme/train", false), plain,
			Nothing, Progressing, nil, []Cause{CauseCommit}},
		"no longer wanted, and gone": {newWorld(t).ours(plain, good).entity("cluster/acme/train", false), plain,
			Nothing, InSync, nil, nil},
		"no longer wanted, and replaced by a stranger's": {newWorld(t).ours(plain, good).there(plain, good, remote("2")).entity("cluster/acme/train", true), plain,
			Delete, Held, []string{"unmarked"}, []Cause{CauseCommit}},
		"marked, and nobody knows it": {newWorld(t).there(plain, good, marked), plain,
			Nothing, Orphaned, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.world.change(c.of)
			require.Equal(t, c.action, got.Action)
			require.Equal(t, c.status, got.Status)
			require.Equal(t, c.held, heldBy(got))
			require.Equal(t, c.causes, got.Causes)
			require.Equal(t, c.action != Nothing && c.held == nil, got.Ready(), "ready")
			for _, h := range got.Held {
				require.NotEmpty(t, h.Why)
				require.NotEmpty(t, h.Until, "a hold says what releases it")
			}
		})
	}
}

func forPool(o *state.Owned) { o.Entity = "pool/acme/train/h100" }

func wrote(name string) func(*state.LiveObject) {
	return func(o *state.LiveObject) {
		o.Writers = func(state.Path) []state.Writer { return []state.Writer{{Name: name, Time: now}} }
	}
}

// A target that nobody looked at, or that could not be reached, yields no action whatever is wanted.
func TestNothingIsDoneInTheDark(t *testing.T) {
	w := newWorld(t).want(plain, good).want(protected, good).ours(protected, good).ours(vpc, good)
	w.Live = map[state.Target]state.Live{state.ControlPlane: {Err: errors.New("connection refused")}}
	p := w.build()
	require.Empty(t, p.Ready())
	require.True(t, p.Incomplete())
	require.Equal(t, map[Status]int{Unknown: 3}, p.Counts())
	require.Equal(t, "connection refused", p.Get(id(t, protected)).Note)
}

// A write that takes fields from somebody needs every one of them to be ours by record, and no
// controller on the other side.
func TestForceOnlyWhatWeApplied(t *testing.T) {
	for name, c := range map[string]struct {
		owned     m
		conflicts []Conflict
		force     bool
	}{
		"ours":               {good, []Conflict{{"spec.a", "kubectl"}}, true},
		"a map of ours":      {good, []Conflict{{"spec", "kubectl"}}, true},
		"one of them is not": {good, []Conflict{{"spec.a", "kubectl"}, {"spec.b", "kubectl"}}, false},
		"only begins alike":  {m{"spec": m{"ab": 1}}, []Conflict{{"spec.a", "kubectl"}}, false},
		"a controller's":     {good, []Conflict{{"spec.a", "hpa"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).want(plain, good).ours(plain, c.owned).there(plain, bad)
			w.Controllers = []string{"hpa"}
			w.Previews[id(t, plain)] = Preview{ID: id(t, plain), Value: good, Conflicts: c.conflicts}
			got := w.change(plain)
			require.Equal(t, c.force, got.Force && got.Ready())
			if !c.force {
				require.Equal(t, []string{"conflict"}, heldBy(got))
			}
		})
	}
	w := newWorld(t).want(firmware, good).there(firmware, bad)
	w.Previews[id(t, firmware)] = Preview{ID: id(t, firmware), Value: good, Conflicts: []Conflict{{"spec.a", "kubectl"}}}
	require.Equal(t, []string{"conflict"}, heldBy(w.change(firmware)), "never on first contact")
}

// The target's own word outranks what was rendered: what it would default is no difference, what it
// refuses is never sent, and where it cannot say, the plan says that it rests on what was rendered.
func TestPreviewsDecide(t *testing.T) {
	w := newWorld(t).want(plain, good).ours(plain, good).there(plain, bad)
	require.Equal(t, "rendered", w.change(plain).Basis)

	w.Previews[id(t, plain)] = Preview{ID: id(t, plain), Value: bad}
	got := w.change(plain)
	require.Equal(t, "previewed", got.Basis)
	require.Equal(t, InSync, got.Status)

	w.Previews[id(t, plain)] = Preview{ID: id(t, plain), Unknown: errors.New("no such CRD yet")}
	got = w.change(plain)
	require.Equal(t, "rendered", got.Basis)
	require.Equal(t, Update, got.Action)

	w.Previews[id(t, plain)] = Preview{ID: id(t, plain), Invalid: errors.New("spec.a must be odd")}
	got = w.change(plain)
	require.Equal(t, Failed, got.Status)
	require.False(t, got.Ready())
	require.Equal(t, "spec.a must be odd", got.Note)
}

// The target is asked only about what may differ, and also about fields that Git dropped, which no
// comparison of what is named can show.
func TestNeedPreview(t *testing.T) {
	ask := func(w *world) bool {
		w.build()
		return len(NeedPreview(w.Input, id(t, plain).Target)) > 0
	}
	require.False(t, ask(newWorld(t).want(plain, good).ours(plain, good).there(plain, good)))
	require.True(t, ask(newWorld(t).want(plain, good).ours(plain, good).there(plain, bad)))
	require.True(t, ask(newWorld(t).want(plain, good).ours(plain, m{"spec": m{"a": 1, "b": 2}}).there(plain, good)), "a dropped field")
	require.False(t, ask(newWorld(t).want(plain, good)), "not there")
	require.False(t, ask(newWorld(t).want(plain, good).unreadable(plain, errors.New("403"))))
	require.False(t, ask(newWorld(t).want(plain, good, func(o *state.Object) { o.Mode = state.Observe }).there(plain, bad)))
	require.False(t, ask(newWorld(t).want(host, m{"spec": m{"online": false}}).ours(host, good).there(host, m{"spec": m{"online": true}})))
}

// The worst of the changed fields is what the change costs.
func TestImpactIsTheWorstField(t *testing.T) {
	path := func(v any) m {
		return m{"spec": m{"template": m{"helmRelease": m{"values": m{"sync": "x", "privateNodes": m{"autoNodes": []any{m{"static": []any{m{"quantity": v}}}}}}}}}}
	}
	impact := func(from, to m) kinds.Impact {
		return newWorld(t).want(protected, to).ours(protected, from).there(protected, from).change(protected).Impact
	}
	require.Equal(t, kinds.None, impact(path(2), path(3)), "more machines disturb nobody")
	require.Equal(t, kinds.Reprovision, impact(path(3), path(2)), "machines that leave are wiped")
	both := path(3)
	both["spec"].(m)["template"].(m)["helmRelease"].(m)["values"].(m)["sync"] = "y"
	require.Equal(t, kinds.Restart, impact(path(2), both))
	require.Equal(t, kinds.None, impact(m{"spec": m{"displayName": "a"}}, m{"spec": m{"displayName": "b"}}))
	require.Equal(t, kinds.Network, newWorld(t).want(member, good).change(member).Impact, "joining a network is not nothing")
}

// The agent knows what becomes of the volumes of replicas that go; a plan between commits does not.
func TestReplicasThatGoMayTakeTheirVolumes(t *testing.T) {
	const set = "kubernetes/acme.train/StatefulSet.apps/ops/db"
	of := func(replicas int) m { return m{"spec": m{"replicas": replicas}} }
	there := func(whenScaled string) m {
		return m{"spec": m{"replicas": 3, "persistentVolumeClaimRetentionPolicy": m{"whenScaled": whenScaled}}}
	}
	impact := func(to, live m) kinds.Impact {
		return newWorld(t).want(set, to).ours(set, of(3)).there(set, live).change(set).Impact
	}
	require.Equal(t, kinds.Restart, impact(of(2), there("Retain")))
	require.Equal(t, kinds.DataLoss, impact(of(2), there("Delete")))
	require.Equal(t, kinds.None, impact(of(4), there("Delete")))
	both := there("Delete")
	both["spec"].(m)["replicas"] = 2
	require.Equal(t, kinds.DataLoss, impact(both, there("Retain")), "one change says so and takes them")
	require.Equal(t, kinds.DataLoss, one(t, set, of(3), of(2)).Impact)
	require.Equal(t, kinds.None, one(t, set, of(2), of(3)).Impact)
}

// A setting of the BIOS is handed over, put in force by one reset, and never by a second one for want
// of patience or of effect.
func TestStagedSteps(t *testing.T) {
	staged := func(o *state.LiveObject) { o.Pending = good }
	begin := func(live ...func(*state.LiveObject)) *world {
		return newWorld(t).want(bios, good).ours(bios, bad).there(bios, bad, append([]func(*state.LiveObject){lastReset("t0")}, live...)...)
	}
	told := func(w *world, ago time.Duration, change ...func(*state.Intent)) *world {
		i := state.Intent{ID: id(t, bios), Action: string(Update), Step: string(Reset), Digest: tree(good).Digest(), Before: "t0", Opened: now.Add(-ago)}
		for _, c := range change {
			c(&i)
		}
		w.Intents[i.ID] = i
		return w
	}
	accepted := func(i *state.Intent) { i.Accepted = true }
	another := func(i *state.Intent) { i.Digest = "sha256:another" }
	neverTold := func(i *state.Intent) { i.Before = "" }
	for name, c := range map[string]struct {
		world  *world
		step   Step
		status Status
	}{
		"nothing pending":                        {begin(), Stage, Progressing},
		"something else pending":                 {begin(func(o *state.LiveObject) { o.Pending = m{"spec": m{"b": 1}} }), Stage, Progressing},
		"pending":                                {begin(staged), Reset, Progressing},
		"told to reset":                          {told(begin(staged), 10*time.Second), "", Pending},
		"told, and it answered":                  {told(begin(staged), 10*time.Second, accepted), "", Pending},
		"was reset, and is on its way up":        {told(begin(staged, lastReset("t1")), 10*time.Second), "", Pending},
		"told long ago, and nothing happened":    {told(begin(staged), time.Hour), Reset, Progressing},
		"was reset long ago, without effect":     {told(begin(lastReset("t1")), time.Hour), Stage, Held},
		"was reset long ago, and still pending":  {told(begin(staged, lastReset("t1")), time.Hour), Reset, Held},
		"said yes, and never tells its resets":   {told(begin(staged, lastReset("")), time.Hour, accepted, neverTold), Reset, Held},
		"answer lost, and never tells its reset": {told(begin(staged, lastReset("")), time.Hour, neverTold), Reset, Progressing},
		"the fleet asks for something else now":  {told(begin(lastReset("t1")), time.Hour, another), Stage, Progressing},
		"the same while the reset is on its way": {told(begin(staged), 10*time.Second, another), "", Pending},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.world.change(bios)
			require.Equal(t, c.status, got.Status)
			require.Equal(t, c.step, got.Step)
			require.Equal(t, c.status == Progressing, got.Ready())
		})
	}
	require.Equal(t, InSync, told(newWorld(t).want(bios, good).ours(bios, bad).there(bios, good, lastReset("t1")), time.Second).change(bios).Status)
	require.Equal(t, Pending, newWorld(t).want(bios, good).ours(bios, good).there(bios, good, staged).change(bios).Status)
}

// What is as wanted and does not do its work is not in sync.
func TestHealthIsPartOfStatus(t *testing.T) {
	for health, status := range map[state.HealthState]Status{state.Healthy: InSync, state.Progressing: Progressing, state.Unhealthy: Failed} {
		got := newWorld(t).want(plain, good).ours(plain, good).there(plain, good, func(o *state.LiveObject) { o.Health.State = health }).change(plain)
		require.Equal(t, status, got.Status)
		require.Equal(t, Nothing, got.Action)
	}
}

// What is there by nature is written at once only if it is known not to have been ours before, or if Git says
// so: a BMC's settings by a note of having met them, what can bear our mark by bearing none.
func TestTheFirstChangeOfWhatIsThereByNature(t *testing.T) {
	want, other := map[string]any{"Attributes": map[string]any{"A": "on"}}, map[string]any{"Attributes": map[string]any{"A": "off"}}
	keys, stale := map[string]any{"spec": map[string]any{"a": "on"}}, map[string]any{"spec": map[string]any{"a": "off"}}
	met := func(unsure bool) func(*state.Owned) {
		return func(o *state.Owned) { o.Digest, o.Remote, o.Fields, o.Unsure = "", "", nil, unsure }
	}
	for _, tt := range []struct {
		name    string
		address string
		prepare func(w *world) *world
		held    string // until when
	}{
		{"met before memory", bios, func(w *world) *world { return w.want(bios, want).there(bios, other) }, "the control plane cluster can be read"},
		{"met", bios, func(w *world) *world { return w.want(bios, want).there(bios, other).ours(bios, want, met(false)) }, ""},
		{"perhaps ours", bios, func(w *world) *world { return w.want(bios, want).there(bios, other).ours(bios, want, met(true)) }, "the fleet adopts " + bios},
		{"perhaps ours, as wanted", bios, func(w *world) *world { return w.want(bios, want).there(bios, want).ours(bios, want, met(true)) }, ""},
		{"unmarked", firmware, func(w *world) *world { return w.want(firmware, keys).there(firmware, stale) }, ""},
		{"marked", firmware, func(w *world) *world { return w.want(firmware, keys).there(firmware, stale, marked) }, "the fleet adopts " + firmware},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.prepare(newWorld(t))
			c := w.change(tt.address)
			if tt.held == "" {
				require.Empty(t, c.Held)
				return
			}
			require.Equal(t, []string{"memory"}, heldBy(c))
			require.Equal(t, tt.held, c.Held[0].Until)
			w.Adopt[tt.address] = true
			require.True(t, w.change(tt.address).Ready())
		})
	}
}

// No digest covers a sealed text, so that who wrote what is there tells a new one in Git from drift.
func TestASealedTextThatChanged(t *testing.T) {
	const secret = "kubernetes/acme.train/Secret/ops/db"
	sealed := func(o *state.Object) {
		o.Tree = state.Map(map[string]state.Tree{"data": state.Map(map[string]state.Tree{"password": state.Seal("bmV3", origin)}, origin)}, origin)
	}
	for name, c := range map[string]struct {
		live   m
		by     []state.Writer
		causes []Cause
	}{
		"as it is":       {m{"data": m{"password": "bmV3"}}, []state.Writer{{Name: "millwright"}}, nil},
		"new in Git":     {m{"data": m{"password": "b2xk"}}, []state.Writer{{Name: "millwright"}}, []Cause{CauseCommit}},
		"another's":      {m{"data": m{"password": "b2xk"}}, []state.Writer{{Name: "millwright"}, {Name: "kubectl"}}, []Cause{CauseDrift}},
		"nobody can say": {m{"data": m{"password": "b2xk"}}, nil, []Cause{CauseDrift}},
		"taken away":     {m{"data": m{}}, nil, []Cause{CauseDrift}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).want(secret, nil, sealed).there(secret, c.live, func(o *state.LiveObject) {
				o.Writers = func(state.Path) []state.Writer { return c.by }
			})
			digest := w.objects[0].Tree.Digest()
			w.ours(secret, nil, func(o *state.Owned) { o.Digest = digest })
			require.Equal(t, c.causes, w.change(secret).Causes)
		})
	}
}
