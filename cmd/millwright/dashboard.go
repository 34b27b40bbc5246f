package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/web"
)

// dashboard is how the agent's dashboard is served: to this machine without a login, and to others
// who sign in, by themselves or at a proxy.
type dashboard struct {
	signingIn
	listen       string
	public       string
	proxies      []string
	user, groups string
	viewers      []string
	metrics      []string
}

// The headers in which many proxies tell who somebody is.
const userHeader, groupsHeader = "X-Forwarded-User", "X-Forwarded-Groups"

func (d *dashboard) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.listen, "listen", "127.0.0.1:0", "loopback address that serves the dashboard, without login, to this machine")
	cmd.Flags().StringVar(&d.public, "dashboard", "", "address that serves the dashboard to people who sign in, as 0.0.0.0:8080; needs --oidc-issuer or --trusted-proxy")
	d.signingIn.flags(cmd)
	cmd.Flags().StringSliceVar(&d.proxies, "trusted-proxy", nil, "address or network of a proxy that is believed who somebody is; may be repeated")
	cmd.Flags().StringVar(&d.user, "user-header", userHeader, "header in which the proxy names who signed in; it must remove what people send under this name")
	cmd.Flags().StringVar(&d.groups, "groups-header", groupsHeader, "header in which the proxy names their groups, separated by commas; it must remove what people send under this name")
	cmd.Flags().StringSliceVar(&d.viewers, "viewers", nil, "group that sees the whole fleet; groups that administer a tenant in Git see that tenant; may be repeated")
	cmd.Flags().StringSliceVar(&d.metrics, "metrics-from", nil, "address or network that may read /metrics at the address of --dashboard without a proxy; may be repeated")
}

// check refuses what would show the fleet to somebody who did not sign in.
func (d *dashboard) check() error {
	host, _, err := net.SplitHostPort(d.listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--listen %s: there is no login there, so only a loopback address like 127.0.0.1:0 may serve it; for others use --dashboard", d.listen)
	}
	proxy := len(d.proxies) > 0
	switch {
	case d.public != "" && proxy == d.given():
		return fmt.Errorf("--dashboard %s: say where people sign in, with either --oidc-issuer or --trusted-proxy", d.public)
	case d.public == "" && (proxy || d.given() || d.certificate != "" || len(d.viewers)+len(d.metrics) > 0 || d.user != userHeader || d.groups != groupsHeader):
		return errors.New("--oidc-issuer, --tls-cert, --trusted-proxy, --user-header, --groups-header, --viewers and --metrics-from say who may see what at the address of --dashboard, which is not given")
	case !proxy && (d.user != userHeader || d.groups != groupsHeader):
		return errors.New("--user-header and --groups-header are what a proxy sends, and --trusted-proxy is not given")
	}
	if err := d.signingIn.check(); err != nil {
		return err
	}
	_, err = d.access()
	return err
}

// access is who may see what at the address of --dashboard.
func (d *dashboard) access() (web.Access, error) {
	p, err := d.proxy()
	if err != nil || !d.given() {
		return p, err
	}
	return d.signingIn.access(p)
}

func (d *dashboard) proxy() (web.Proxy, error) {
	p := web.Proxy{User: d.user, Groups: d.groups, Viewers: d.viewers}
	for flag, in := range map[string]struct {
		texts []string
		to    *[]netip.Prefix
	}{"--trusted-proxy": {d.proxies, &p.Trusted}, "--metrics-from": {d.metrics, &p.Metrics}} {
		for _, text := range in.texts {
			prefix, err := netip.ParsePrefix(text)
			if ip, bad := netip.ParseAddr(text); bad == nil {
				prefix, err = netip.PrefixFrom(ip, ip.BitLen()), nil
			}
			if err != nil {
				return p, fmt.Errorf("%s %s: neither an address nor a network", flag, text)
			}
			*in.to = append(*in.to, prefix)
		}
	}
	return p, nil
}

// How many requests a second one reader may make, and at once.
const requestRate, requestBurst = 200, 400

// serve answers at both addresses until ctx is done, and writes the loopback one into a file, where
// `millwright status` finds it. The function that it returns waits until all answers are finished.
func (d *dashboard) serve(ctx context.Context, store *web.Store, interval time.Duration, file string, log *slog.Logger) (wait func(), err error) {
	access, err := d.access()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	wait = func() { stop(); all.Wait() }
	defer func() {
		if err != nil {
			wait()
		}
	}()
	start := func(address string, access web.Access, wrap func(net.Listener) (net.Listener, error)) (net.Addr, error) {
		plain, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen for readers of the dashboard: %w", err)
		}
		listener, err := wrap(plain)
		if err != nil {
			plain.Close()
			return nil, err
		}
		w := web.New(web.Options{
			Store: store, Access: access, Log: log, Now: time.Now, StaleAfter: 3*interval + 2*time.Minute, Rate: requestRate, Burst: requestBurst,
		})
		all.Go(func() {
			if err := w.Serve(ctx, listener); err != nil {
				log.Error("the dashboard is no longer served", "error", err)
			}
		})
		return listener.Addr(), nil
	}
	at, err := start(d.listen, web.Loopback{}, func(l net.Listener) (net.Listener, error) { return l, nil })
	if err != nil {
		return nil, err
	}
	log.Info("serving the dashboard", "url", "http://"+at.String()+"/")
	if d.public != "" {
		public, err := start(d.public, access, d.listener)
		if err != nil {
			return nil, err
		}
		log.Info("serving the dashboard to people who sign in", "address", public.String())
	}
	if err := os.WriteFile(file, []byte(at.String()+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write down where the dashboard is served: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = os.Remove(file) })
	return wait, nil
}
