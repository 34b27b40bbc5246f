package render_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// scheduler is a chart that renders as little as a scheduler can, so that queues have something to wait for.
var scheduler = chartOf("any", map[string]string{
	"templates/d.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}}\nspec: {replicas: 1}\n",
})

func queued(t *testing.T, template map[string]string) (*fleet.Fleet, render.Inputs) {
	t.Helper()
	charts := store{fstest.MapFS{}}
	repository := overBase(t, "queues.txtar", charts.put(archive(t, template)))
	f, found := fleet.Load(t.Context(), repository, fleet.Options{})
	require.Empty(t, found)
	return f, render.Inputs{FS: repository, Charts: charts}
}

// Queues of each scheduler are what it serves, say where they are written, and wait for it.
func TestGoldenQueues(t *testing.T) {
	f, in := queued(t, scheduler)
	set := mustRender(t, f, in)
	var queues []string
	for o := range set.All() {
		if _, group, _ := strings.Cut(o.ID.Kind, "."); group == "kueue.x-k8s.io" || strings.HasPrefix(group, "scheduling.") {
			queues = append(queues, o.ID.String())
			there := false
			for _, by := range f.Stacks["base"].Queueing() {
				yes, _ := waits(o, o.ID.Target.String()+"/Deployment.apps/"+namespaceOf(f, by)+"/"+by)
				there = there || yes
			}
			require.True(t, there, "%s waits for its scheduler", o.ID)
		}
	}
	var shown strings.Builder
	for _, q := range queues {
		shown.WriteString(onlyTarget(dump(set), q+"\n"))
	}
	golden(t, "queues.txt", shown.String())
	everyLeafIsWritten(t, f, set)
}

func namespaceOf(f *fleet.Fleet, entry string) string {
	return f.Stacks["base"].Catalogue[entry].Namespace
}

// A queue that a chart makes as well is left to one of the two.
func TestAQueueIsNotMadeTwice(t *testing.T) {
	f, in := queued(t, chartOf("any", map[string]string{
		"templates/q.yaml": "{{ if eq .Release.Name \"kueue\" }}apiVersion: kueue.x-k8s.io/v1beta2\nkind: ResourceFlavor\nmetadata: {name: big}\n{{ end }}",
	}))
	_, found := render.Render(t.Context(), f, in)
	codes := map[string]int{}
	for _, d := range found {
		codes[d.Code]++
	}
	require.Equal(t, 2, codes["MW308"], "once in each cluster: %v", found)
}
