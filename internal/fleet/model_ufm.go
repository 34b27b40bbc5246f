package fleet

import "strings"

// UFM is an InfiniBand manager that Millwright speaks to; schema/site_ufm.cue documents the fields.
type UFM struct {
	URL         string    `json:"url"`         // without a path
	Credentials string    `json:"credentials"` // a Secret in the platform's namespace
	Certificate string    `json:"certificate"` // "verify" or "any"
	PKeys       Range     `json:"pkeys"`
	Agent       *UFMAgent `json:"agent,omitempty"`
}

// UFMAgent is Netris's agent on the same fabric.
type UFMAgent struct {
	ID    string `json:"id"` // its UFM_ID
	PKeys Range  `json:"pkeys"`
}

// DirectPartition is an InfiniBand partition at a UFM of the site.
type DirectPartition struct {
	UFM   string        `json:"ufm,omitempty"`  // empty: the site's only one, see Fleet.DirectUFM
	PKey  int           `json:"pkey,omitempty"` // 0: not given, which a check refuses
	IPoIB bool          `json:"ipoib"`
	QoS   *PartitionQoS `json:"qos,omitempty"`
}

// PartitionQoS is the quality of service of a partition.
type PartitionQoS struct {
	MTU          int     `json:"mtu"` // KB
	ServiceLevel int     `json:"serviceLevel"`
	Rate         float64 `json:"rate"` // Gbit/s
}

// Has reports whether a number lies in the range.
func (r Range) Has(n int) bool { return r.First <= n && n <= r.Last }

// Direct reports whether Millwright itself keeps the segment's InfiniBand partition.
func (s *Segment) Direct() bool { return s.InfiniBand != nil && s.InfiniBand.Direct != nil }

// DirectUFM is the UFM of a segment whose partition is direct, with its name; nil if the site has none of
// that name, or several and none is named.
func (f *Fleet) DirectUFM(s *Segment) (string, *UFM) {
	site := f.Sites[s.Site]
	if site == nil || !s.Direct() {
		return "", nil
	}
	name := s.InfiniBand.Direct.UFM
	if name == "" && len(site.UFMs) == 1 {
		name = keys(site.UFMs)[0]
	}
	return name, site.UFMs[name]
}

// SiteOfUFM is the name of the site that has a UFM of that name; empty if none has.
func (f *Fleet) SiteOfUFM(name string) string {
	for n, s := range All(f.Sites) {
		if s.UFMs[name] != nil {
			return n
		}
	}
	return ""
}

// NormalGUID is a GUID as UFM has it: in lower case, without colons.
func NormalGUID(s string) string { return strings.ReplaceAll(strings.ToLower(s), ":", "") }
