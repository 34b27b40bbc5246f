package journal

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"millwright.dev/millwright/internal/plan"
)

// known is what the journal has been told of drift and bindings, so that each is news once, and its end is, too.
type known struct {
	Drift map[string]string `json:"drift,omitempty"` // addresses, and a digest of what was said
	Bound map[string]string `json:"bound,omitempty"` // machines, and whose they are
}

func decodeKnown(text []byte) (known, error) {
	k := known{Drift: map[string]string{}, Bound: map[string]string{}}
	if len(text) == 0 {
		return k, nil
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return k, fmt.Errorf("read what the journal was told of: %w", err)
	}
	return k, nil
}

func (k known) encode() ([]byte, error) { return json.Marshal(k) }

// drifted is what others changed, as far as it is news and is not put right by this very pass.
func (k known) drifted(p Pass) []Drift {
	var news []Drift
	ready := map[string]bool{}
	for _, c := range p.Ready {
		ready[c.ID.String()] = true
	}
	there := map[string]bool{}
	for _, c := range p.Changes {
		drift := c.Status == plan.Orphaned || slices.Contains(c.Causes, plan.CauseDrift)
		if !drift && len(k.Drift) == 0 {
			continue // as most, so that not even an address is made of it
		}
		address := c.ID.String()
		if _, had := k.Drift[address]; !drift && !had {
			continue
		}
		there[address] = true
		switch {
		case ready[address] || c.Status == plan.Unknown: // the change says it; nobody can
		case drift:
			d := Drift{Address: address, Entity: c.Entity, Status: c.Status, Fields: fieldsOf(c.Fields, c.Action != plan.Create, true)}
			for _, h := range c.Held {
				d.Held = append(d.Held, h.By)
			}
			if k.Drift[address] != d.digest() {
				news = append(news, d)
			}
		default:
			news = append(news, Drift{Address: address, Entity: c.Entity, Status: c.Status, Ended: true})
		}
	}
	for address := range k.Drift {
		if !there[address] { // nobody wants it any more
			news = append(news, Drift{Address: address, Ended: true})
		}
	}
	slices.SortFunc(news, func(a, b Drift) int { return cmp.Compare(a.Address, b.Address) })
	return news
}

// digest is of what is said, but for who and when, which may come to light later.
func (d Drift) digest() string {
	d.Fields = slices.Clone(d.Fields)
	for i := range d.Fields {
		d.Fields[i].Who = nil
	}
	text, err := json.Marshal(d)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:16]
}

// bound is what changed hands, as far as it is news.
func (k known) bound(p Pass) []Binding {
	var news []Binding
	for _, machine := range slices.Sorted(maps.Keys(p.Bound)) {
		if to, was := p.Bound[machine], k.Bound[machine]; to != was {
			news = append(news, Binding{Machine: machine, To: to, Was: was})
		}
	}
	return news
}

// learn takes over what a run says, and reports whether any of it was news.
func (k known) learn(r Run) (news bool) {
	for _, d := range r.Drift {
		was, had := k.Drift[d.Address]
		if d.Ended {
			delete(k.Drift, d.Address)
			news = news || had
			continue
		}
		k.Drift[d.Address] = d.digest()
		news = news || was != k.Drift[d.Address]
	}
	for _, c := range r.Changes {
		if _, had := k.Drift[c.Address]; had {
			delete(k.Drift, c.Address)
			news = true
		}
	}
	for _, b := range r.Bindings {
		news = news || k.Bound[b.Machine] != b.To
		if k.Bound[b.Machine] = b.To; b.To == "" {
			delete(k.Bound, b.Machine)
		}
	}
	return news
}
