package netris_test

import (
	"errors"
	"maps"
	"net/http"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/target"
)

func init() { mutants = append(mutants, serviceMutants...) }

var serviceMutants = []mutant{
	{
		rule: simulate.NetrisForms, habit: "writes a NAT rule's state as it is shown",
		caught: "state must be a string",
		setup:  ground,
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/nat", func(body map[string]any) { body["state"] = map[string]any{"label": "Enabled", "value": "enabled"} })
		},
		try: makes(snat),
	},
	{
		rule: simulate.NetrisForms, habit: "writes a port's state as it is shown",
		caught: "ports must be a string",
		setup:  append(ground[:len(ground):len(ground)], options),
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/vnet", func(body map[string]any) {
				body["ports"].([]any)[0].(map[string]any)["state"] = map[string]any{"id": 1, "value": "active"}
			})
		},
		try: makes(vnet),
	},
	{
		rule: simulate.NetrisForms, habit: "writes a health check as it is shown",
		caught: "healthCheck must be a string",
		setup:  append(ground[:len(ground):len(ground)], balancer),
		spoil: func(s *spoiler) {
			s.body("PUT /api/v2/l4lb/1", func(body map[string]any) {
				body["healthCheck"] = map[string]any{"HTTP": map[string]any{"timeOut": "3000", "requestPath": "/readyz"}}
			})
		},
		try: updates(with(balancer, map[string]any{"port": 444})),
	},
	{
		rule: simulate.NetrisDefaultOptions, habit: "overlooks that a set of options is the default",
		caught: "cannot be deleted",
		spoil: func(s *spoiler) {
			s.data("/api/v2/dhcp-option-set", func(o map[string]any) { delete(o, "isDefault") })
		},
		try: deletes(id("dhcp-option-set", "Default")),
	},
	{
		rule: simulate.NetrisPublicSubnet, habit: "makes NAT rules before the subnets of their addresses",
		caught: "no subnet for nat contains",
		setup:  append(ground[:5:5], public),
		spoil:  natFirst,
		try: func(w *world, c *netris.Controller) error {
			for _, r := range apply(w.t, c, creation(snat), creation(natNet)) {
				if r.Err != nil && !errors.Is(r.Err, target.ErrHeld) {
					return r.Err
				}
			}
			return nil
		},
	},
	{
		rule: simulate.NetrisNoMasquerade, habit: "masquerades, as it could before 4.14.0",
		caught: "action is one of",
		setup:  ground,
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/nat", func(body map[string]any) { body["action"] = "MASQUERADE" })
			s.data("/api/v2/nat", func(o map[string]any) { o["action"] = map[string]any{"value": "SNAT"} })
		},
		try: creates(snat),
	},
	{
		rule: simulate.NetrisBalancerName, habit: "makes a load balancer without looking",
		caught: "there is a load balancer of the name",
		setup:  append(ground[:len(ground):len(ground)], balancer),
		spoil:  func(s *spoiler) { s.blindBefore("/api/v2/l4lb") },
		try:    creates(balancer),
	},
	{
		rule: simulate.NetrisCreated, habit: "takes only 200 for a success",
		caught: "the controller answered 500",
		setup:  ground,
		spoil: func(s *spoiler) {
			s.intercept = func(r *http.Request) (*http.Response, error) {
				response, err := s.next.RoundTrip(r)
				if err == nil && response.StatusCode == http.StatusCreated {
					_ = response.Body.Close()
					return answer(r, http.StatusInternalServerError, nil), nil
				}
				return response, err
			}
			s.list("/api/v2/vpc-peering", func(map[string]any) bool { return false })
		},
		try: makes(peering),
	},
}

// natFirst keeps a subnet back until a NAT rule has been sent.
func natFirst(s *spoiler) {
	var kept map[string]any
	s.intercept = func(r *http.Request) (*http.Response, error) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/api/v2/ipam/subnet":
			kept = bodyOf(s.t, r)
			return answer(r, http.StatusOK, map[string]any{"id": 9}), nil
		case r.Method == http.MethodPost && r.URL.Path == "/api/v2/nat":
			response, err := s.next.RoundTrip(r)
			s.send(r, http.MethodPost, "/api/v2/ipam/subnet", kept)
			kept = nil
			return response, err
		case kept != nil && r.URL.Path == "/api/v2/ipam":
			shown := maps.Clone(kept)
			maps.Copy(shown, map[string]any{"id": 9, "type": "subnet", "children": []any{}, "sites": []any{map[string]any{"id": 22, "name": "dc1"}},
				"tenant": map[string]any{"id": 1, "name": "Admin"}, "vpc": map[string]any{"id": 1, "name": "VPC-1"}})
			return answer(r, http.StatusOK, []any{shown}), nil
		}
		return s.next.RoundTrip(r)
	}
}
