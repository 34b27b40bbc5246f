package ufm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/ufm"
)

// mutant is a sloppier client: ours, with one careful habit undone on the wire. It must be caught with
// the rule in force and pass with the rule off, or the rule proves nothing about us.
type mutant struct {
	rule  simulate.Rule
	habit string
	// caught is part of what is said when it is caught.
	caught string
	// setup is done by a careful client, and before by somebody else.
	setup  []state.Object
	before func(w *world)
	spoil  func(s *spoiler)
	// try is what a client is asked to do. Its error says how it was caught: by a refusal, or by what
	// others see afterwards. Refusing by itself to send something (held) is no offence.
	try func(w *world, m *ufm.Manager) error
}

var mutants = []mutant{
	{
		rule: simulate.UFMAuth, habit: "leaves the password out after the first request", caught: "answered 401",
		spoil: func(s *spoiler) { s.request = func(r *http.Request) { r.Header.Del("Authorization") } },
		try: func(w *world, m *ufm.Manager) error {
			return m.Observe(w.t.Context(), target.Query{}).Err
		},
	},
	{
		rule: simulate.UFMForms, habit: "looks for keys and GUIDs as it wrote them", caught: "does not read back so",
		spoil: func(s *spoiler) {
			s.list = func(all map[string]any) {
				maps.DeleteFunc(all, func(pkey string, _ any) bool { return pkey != strings.ToLower(pkey) })
			}
		},
		try: makes(acme),
	},
	{
		rule: simulate.UFMForms, habit: "looks for GUIDs as it wrote them", caught: "does not read back so", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.members(func(list []any) []any {
				kept := []any{}
				for _, one := range list {
					if guid := one.(map[string]any)["guid"].(string); guid == strings.ToLower(guid) {
						kept = append(kept, one)
					}
				}
				return kept
			})
		},
		try: makes(member("0x1ab", port1)),
	},
	{
		rule: simulate.UFMListPlain, habit: "lists without saying what it wants", caught: "not the JSON that was expected",
		spoil: func(s *spoiler) { s.request = func(r *http.Request) { r.URL.RawQuery = "" } },
		try:   makes(acme),
	},
	{
		rule: simulate.UFMListBothFlags, habit: "asks for all in one list", caught: "it does not tell who is in", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.request = func(r *http.Request) {
				if r.Method == http.MethodGet {
					r.URL.RawQuery = "guids_data=true&qos_conf=true"
				}
			}
		},
		try: makes(member("0x1ab", port1)),
	},
	{
		rule: simulate.UFMKeyRange, habit: "writes the membership bit into keys", caught: "must be between 0x0 and 0x7fff",
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys/add", func(body map[string]any) { body["pkey"] = "0x81ab" })
		},
		try: makes(acme),
	},
	{
		rule: simulate.UFMDefaultPartition, habit: "puts ports into the default partition", caught: "is the management partition", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys", func(body map[string]any) { body["pkey"] = "0x7fff" })
			s.list = func(all map[string]any) { all["0x1AB"] = all["0x7FFF"] }
		},
		try: creates(member("0x1ab", port1)),
	},
	{
		rule: simulate.UFMGUIDForm, habit: "writes GUIDs with colons", caught: "must have 16 to 20 hexadecimal digits", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys", func(body map[string]any) { body["guids"] = []string{"b8:3f:d2:03:00:aa:01:01"} })
		},
		try: makes(member("0x1ab", port1)),
	},
	{
		rule: simulate.UFMOneMembership, habit: "says membership twice", caught: "exclude each other", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys", func(body map[string]any) { body["memberships"] = []string{"full"} })
		},
		try: makes(member("0x1ab", port1)),
	},
	{
		rule: simulate.UFMIndex0Once, habit: "adds a port without looking where it is", caught: "at index0",
		setup: []state.Object{acme, globex, member("0x1ab", port1)},
		spoil: func(s *spoiler) {
			s.list = func(all map[string]any) { delete(all, "0x1AB") }
		},
		try: creates(member("0x1ac", port1)),
	},
	{
		rule: simulate.UFMQoSValues, habit: "says an MTU in bytes", caught: "mtu_limit must be 2 or 4", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys/qos_conf", func(body map[string]any) { body["mtu_limit"] = 2048 })
			s.list = func(all map[string]any) {
				if p, ok := all["0x1AB"].(map[string]any); ok && p["qos_conf"] != nil {
					if qos := p["qos_conf"].(map[string]any); qos["mtu_limit"] == 2048.0 {
						qos["mtu_limit"] = 2
					}
				}
			}
		},
		try: updates(with(acme, map[string]any{"qos_conf": map[string]any{"mtu_limit": 2}})),
	},
	{
		rule: simulate.UFMPutReplaces, habit: "puts a partition's ports", caught: "the foreign port is gone", setup: []state.Object{acme},
		before: func(w *world) { w.byHand("0x1ab", foreign, false, "limited") },
		spoil: func(s *spoiler) {
			s.request = func(r *http.Request) {
				if r.Method == http.MethodPost && r.URL.Path == "/ufmRest/resources/pkeys" {
					r.Method = http.MethodPut
				}
			}
		},
		try: keepsForeign(makes(member("0x1ab", port1))),
	},
	{
		rule: simulate.UFMAddDefaults, habit: "leaves index0 out", caught: "does not read back so", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys", func(body map[string]any) { delete(body, "index0") })
		},
		try: makes(member("0x1ab", port1)),
	},
	{
		rule: simulate.UFMAddSetsPartition, habit: "leaves the partition's own settings out of an addition", caught: "ip_over_ib is true", setup: []state.Object{globex},
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys", func(body map[string]any) { delete(body, "ip_over_ib") })
		},
		try: func(w *world, m *ufm.Manager) error {
			if err := makes(member("0x1ac", port1))(w, m); err != nil {
				return err
			}
			return stand(w, globex)
		},
	},
	{
		rule: simulate.UFMQoSWhole, habit: "sets only what changes", caught: "does not read back so", setup: []state.Object{acme},
		spoil: func(s *spoiler) {
			s.body("/resources/pkeys/qos_conf", func(body map[string]any) { delete(body, "service_level"); delete(body, "rate_limit") })
		},
		try: updates(with(acme, map[string]any{"qos_conf": map[string]any{"mtu_limit": 2, "service_level": 3, "rate_limit": 100}})),
	},
	{
		rule: simulate.UFMDeleteDropsMembers, habit: "deletes a partition without looking who is in it", caught: "the foreign port is gone", setup: []state.Object{acme},
		before: func(w *world) { w.byHand("0x1ab", foreign, false, "limited") },
		spoil: func(s *spoiler) {
			s.members(func([]any) []any { return []any{} })
		},
		try: keepsForeign(func(w *world, m *ufm.Manager) error {
			apply(w.t, m, deletion(present(w.t, w.client(), acme.ID))) // refused or not
			return nil
		}),
	},
}

// For each rule of the simulator there is a client that it catches, and that passes without it.
func TestEveryRuleCatchesASloppyClient(t *testing.T) {
	covered := map[simulate.Rule]bool{}
	for _, m := range mutants {
		covered[m.rule] = true
		t.Run(fmt.Sprintf("%s/%s", m.rule, m.habit), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, m.run(t, true, false), "a careful client")
			require.ErrorContains(t, m.run(t, true, true), m.caught, "the sloppy client is not caught")
			require.NoError(t, m.run(t, false, true), "it is something else that catches the sloppy client")
		})
	}
	for _, rule := range simulate.UFMRules() {
		require.True(t, covered[rule], "no sloppy client for %s", rule)
	}
}

func (m mutant) run(t *testing.T, rule, sloppy bool) error {
	t.Helper()
	w := newWorld(t)
	mustMake(t, w.client(), m.setup...)
	if m.before != nil {
		m.before(w)
	}
	w.site.SetRule(m.rule, rule)
	if !sloppy {
		return m.try(w, w.client())
	}
	return m.try(w, w.client(through(func(next http.RoundTripper) http.RoundTripper {
		s := &spoiler{t: t, next: next, bodies: map[string]func(map[string]any){}}
		m.spoil(s)
		return s
	})))
}

// spoiler changes requests and answers between the client and UFM.
type spoiler struct {
	t       *testing.T
	next    http.RoundTripper
	request func(*http.Request)
	bodies  map[string]func(map[string]any) // by path
	list    func(all map[string]any)        // the partitions of a list
	each    func(partition map[string]any)  // every partition, listed or alone
}

func (s *spoiler) body(path string, change func(map[string]any)) { s.bodies["/ufmRest"+path] = change }

// members changes every list of members that is answered.
func (s *spoiler) members(change func([]any) []any) {
	s.each = func(p map[string]any) {
		if list, ok := p["guids"].([]any); ok {
			p["guids"] = change(list)
		}
	}
}

func (s *spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if change := s.bodies[r.URL.Path]; change != nil && r.Method != http.MethodGet {
		var body map[string]any
		require.NoError(s.t, json.NewDecoder(r.Body).Decode(&body))
		change(body)
		text, err := json.Marshal(body)
		require.NoError(s.t, err)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	}
	if s.request != nil {
		s.request(r)
	}
	response, err := s.next.RoundTrip(r)
	if err != nil || r.Method != http.MethodGet || response.StatusCode != http.StatusOK || s.list == nil && s.each == nil {
		return response, err
	}
	defer response.Body.Close()
	var answer map[string]any
	require.NoError(s.t, json.NewDecoder(response.Body).Decode(&answer))
	listed := r.URL.Path == "/ufmRest/resources/pkeys"
	if listed && s.list != nil {
		s.list(answer)
	}
	if s.each != nil {
		if !listed {
			s.each(answer)
		}
		for _, p := range answer {
			if p, ok := p.(map[string]any); listed && ok {
				s.each(p)
			}
		}
	}
	return answered(r, answer), nil
}

// offence is a change's error, unless the client itself held it back.
func offence(w *world, m *ufm.Manager, change plan.Change) error {
	if err := apply(w.t, m, change)[change.ID].Err; !errors.Is(err, target.ErrHeld) {
		return err
	}
	return nil
}

func creates(objects ...state.Object) func(*world, *ufm.Manager) error {
	return func(w *world, m *ufm.Manager) error {
		for _, o := range objects {
			if err := offence(w, m, creation(o)); err != nil {
				return err
			}
		}
		return nil
	}
}

// makes creates objects and has a careful client look at them.
func makes(objects ...state.Object) func(*world, *ufm.Manager) error {
	return func(w *world, m *ufm.Manager) error {
		if err := creates(objects...)(w, m); err != nil {
			return err
		}
		return stand(w, objects...)
	}
}

func updates(o state.Object) func(*world, *ufm.Manager) error {
	return func(w *world, m *ufm.Manager) error {
		if err := offence(w, m, update(o, present(w.t, w.client(), o.ID))); err != nil {
			return err
		}
		return nil
	}
}

// keepsForeign is a try after which somebody else's port must still be where it was.
func keepsForeign(try func(*world, *ufm.Manager) error) func(*world, *ufm.Manager) error {
	return func(w *world, m *ufm.Manager) error {
		if err := try(w, m); err != nil {
			return err
		}
		if p, _ := presence(w.t, w.client(), memberID("0x1ab", foreign)); p != state.Present {
			return errors.New("the foreign port is gone")
		}
		return nil
	}
}

// stand reports what a careful client finds amiss.
func stand(w *world, objects ...state.Object) error {
	live := w.client().Observe(w.t.Context(), target.Query{Want: objects})
	for _, o := range objects {
		presence, found, err := live.Presence(o.ID)
		if presence != state.Present {
			return fmt.Errorf("%s is not to be seen: %w", o.ID, err)
		}
		if differs := plan.Compare(o.Tree, found.Value, kinds.Of(o.ID)); len(differs) > 0 {
			return fmt.Errorf("%s: %s is %v", o.ID, differs[0].Name, differs[0].Old)
		}
	}
	return nil
}
