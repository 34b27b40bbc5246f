package netris_test

import (
	"errors"
	"fmt"
	"strings"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

func replaceTag(o map[string]any, from, to string) {
	tags, _ := o["tags"].([]any)
	for i, tag := range tags {
		tags[i] = strings.ReplaceAll(tag.(string), from, to)
	}
}

func named(o state.Object, name string) state.Object {
	o = with(o, map[string]any{"name": name})
	o.ID.Name = name
	return o
}

func observes(w *world, c *netris.Controller) error {
	return c.Observe(w.t.Context(), target.Query{}).Err
}

// offence is a change's error, unless the client itself held it back.
func offence(w *world, c *netris.Controller, change plan.Change) error {
	err := apply(w.t, c, change)[change.ID].Err
	if errors.Is(err, target.ErrHeld) {
		return nil
	}
	return err
}

func creates(objects ...state.Object) func(*world, *netris.Controller) error {
	return func(w *world, c *netris.Controller) error {
		for _, o := range objects {
			if err := offence(w, c, creation(o)); err != nil {
				return err
			}
		}
		return nil
	}
}

// makes creates objects and has a careful client look at them.
func makes(objects ...state.Object) func(*world, *netris.Controller) error {
	return func(w *world, c *netris.Controller) error {
		if err := creates(objects...)(w, c); err != nil {
			return err
		}
		return stand(w, objects...)
	}
}

func updates(o state.Object) func(*world, *netris.Controller) error {
	return func(w *world, c *netris.Controller) error {
		r := apply(w.t, c, update(o, present(w.t, w.client(), o.ID)))[o.ID]
		if r.Err == nil {
			return stand(w, o)
		}
		if errors.Is(r.Err, target.ErrHeld) {
			return nil
		}
		return r.Err
	}
}

func deletes(id state.ID) func(*world, *netris.Controller) error {
	return func(w *world, c *netris.Controller) error {
		return offence(w, c, deletion(present(w.t, w.client(), id)))
	}
}

// joins adds a machine to a cluster and has a careful client look how it does there.
func joins(cluster string) func(*world, *netris.Controller) error {
	return func(w *world, c *netris.Controller) error {
		o := member(cluster, "gpu-001")
		if err := makes(o)(w, c); err != nil {
			return err
		}
		if health := present(w.t, w.client(), o.ID).Health; health.State != state.Healthy {
			return errors.New(health.Message)
		}
		return nil
	}
}

// claims creates a member and reports whether the client then says that it does its work.
func claims(w *world, c *netris.Controller, o state.Object) (bool, error) {
	r := apply(w.t, c, creation(o))[o.ID]
	return r.Live != nil && !r.Pending && r.Live.Health.State == state.Healthy, r.Err
}

// stand reports what a careful client finds amiss.
func stand(w *world, objects ...state.Object) error {
	live := w.client().Observe(w.t.Context(), target.Query{Want: objects})
	for _, o := range objects {
		presence, found, err := live.Presence(o.ID)
		if presence != state.Present {
			return fmt.Errorf("%s is not to be seen: %w", o.ID, err)
		}
		if differs := plan.Compare(o.Tree, found.Value, tableOf(o.ID)); len(differs) > 0 {
			return fmt.Errorf("%s: %s is %v", o.ID, differs[0].Name, differs[0].Old)
		}
	}
	return nil
}
