package simulate

// netrisProfile is the settings of switches, as far as anything here depends on them.
type netrisProfile struct {
	name string
	roce bool
}

func (p *netrisProfile) label() string { return p.name }

// listProfiles shows who may log in as ipv4_ssh, where a write would call it ipv4_list.
func (n *Netris) listProfiles(*netrisCall) (any, error) {
	list := []any{}
	for id, p := range n.profiles.all() {
		list = append(list, map[string]any{
			"id": id, "name": p.name, "description": "", "ipv4_ssh": "10.0.0.0/8", "ipv6_ssh": "", "timezone": "UTC",
			"fabricProps":     map[string]any{"optimiseBgpOverlay": true, "fabricType": "ew"},
			"gpuClusterProps": map[string]any{"roce": p.roce, "roceAdaptiveRouting": p.roce, "congestionControl": p.roce, "asicMonitoring": false},
		})
	}
	return list, nil
}

// SetRoCE turns RoCE on or off in a profile, as a person does in the console.
func (n *Netris) SetRoCE(profile string, on bool) error {
	return n.byHand(profile, "sets RoCE in the switches' profile", func() error {
		id := n.profiles.find(profile)
		if id == 0 {
			return netrisNotFound("Not found.")
		}
		n.profiles.rows[id].roce = on
		return nil
	})
}
