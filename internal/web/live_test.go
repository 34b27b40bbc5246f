package web

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// soon waits until an expression is true in the page.
func (b *browser) soon(expression, what string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return ask[bool](b, expression) }, 30*time.Second, 50*time.Millisecond, what)
}

// drifted is a report in which one more machine is as somebody made it.
func drifted(r report.Report, address, entity string) report.Report {
	r.Items = append([]report.Item{{Address: address, Entity: entity, Status: plan.Drifted, Since: noon, Causes: []plan.Cause{plan.CauseDrift}, Action: plan.Update,
		Fields: []plan.Field{{Name: "NTP", Old: "elsewhere", New: "ntp1.dc1.example.com"}}}}, r.Items...)
	return r
}

// TestLiveInABrowser protects a reader at night: what changed shows without a reload, in place where it
// does not move what they read, and behind a button where it would.
func TestLiveInABrowser(t *testing.T) {
	b := openBrowser(t)
	f, r := world(t, 64)
	store := &Store{}
	store.SetFloor(f)
	d := served(t, store)
	server := serve(t, d)
	b.as(readers[0])

	b.do(chromedp.Navigate(server.URL + "/racks"))
	require.True(t, ask[bool](b, `document.body.textContent.includes("not finished a pass yet")`))
	b.do(chromedp.Focus(chromedp.CSS(`a[href="/machines/gpu-0003"]`)))
	store.SetReport(r)
	b.soon(`document.querySelector('a[href="/machines/gpu-0008"]').textContent.includes("drifted")`, "the rack shows drift")
	require.Equal(t, "/machines/gpu-0003", ask[string](b, `document.activeElement.getAttribute("href")`), "the reader's place on the page is kept")
	require.False(t, ask[bool](b, `document.body.textContent.includes("not finished a pass yet")`))

	b.do(chromedp.Navigate(server.URL + "/drift"))
	require.False(t, ask[bool](b, `document.body.textContent.includes("redfish/gpu-0001/ntp")`))
	store.SetReport(drifted(r, "redfish/gpu-0001/ntp", "machine/gpu-0001"))
	b.soon(`document.querySelector("#news button") !== null`, "it is said that something changed")
	require.False(t, ask[bool](b, `document.querySelector("#rows").textContent.includes("redfish/gpu-0001/ntp")`), "rows do not move under the reader")
	b.picture("live-changed")
	b.do(chromedp.Click(chromedp.CSS("#news button")))
	b.soon(`document.querySelector("#rows").textContent.includes("redfish/gpu-0001/ntp")`, "asked for, it shows")
	require.False(t, ask[bool](b, `document.querySelector("#news button") !== null`))

	store.SetReport(r)
	b.soon(`document.querySelector("#news button") !== null`, "it was put right")
	store.SetReport(drifted(r, "redfish/gpu-0001/ntp", "machine/gpu-0001"))
	b.soon(`document.querySelector("#news button") === null`, "it is as the page shows again, so there is nothing to say")

	b.do(chromedp.KeyEvent("/"))
	require.Equal(t, "find", ask[string](b, `document.activeElement.id`), "the search is a key away")
	b.do(chromedp.KeyEvent("gpu-0002\r"))
	b.soon(`location.pathname === "/search" && document.querySelector('a[href="/machines/gpu-0002"]') !== null`, "and finds")
	b.quiet("after all that")

	d.endStreams()
	server.Close()
	b.soon(`!document.getElementById("link").hidden`, "an agent that is gone is told of")
}

// TestWithoutScriptsInABrowser clicks through the pages as somebody whose browser runs no scripts.
func TestWithoutScriptsInABrowser(t *testing.T) {
	b := openBrowser(t)
	server := serve(t, served(t, filled(t, 320)))
	b.as(readers[0])
	b.scripts(false)
	at := func(selector, path string) {
		t.Helper()
		b.do(chromedp.Click(chromedp.CSS(selector)))
		b.soon(`document.readyState === "complete" && location.pathname + location.search === "`+path+`"`, path)
	}
	b.do(chromedp.Navigate(server.URL + "/"))
	for _, s := range sections[1:] {
		at(`nav a[href="`+s.URL+`"]`, s.URL)
	}
	at(`nav a[href="/machines"]`, "/machines")
	at(`a[rel="next"]`, "/machines?page=2")
	at(`thead a[href="/machines?sort=status"]`, "/machines?sort=status")
	b.do(chromedp.SetValue(chromedp.CSS(`select[name="status"]`), "drifted"))
	at(`.filters button`, "/machines?q=&status=drifted&class=&lifecycle=&tenant=&sort=status")
	require.True(t, ask[bool](b, `[...document.querySelectorAll("tbody .st")].every(e => e.textContent === "drifted")`))
	at(`tbody a`, "/machines/gpu-0008")
	at(`main a[href^="/racks"]`, "/racks?site=dc1&rack=a01")
	b.quiet("without scripts")
}
