package web

import (
	"net/http"
	"testing"
)

// Tests of those who sign in stand outside of the package, as what signs in imports it.

// SharedDashboard is a dashboard of acme's and canary's fleet, to which access lets people in.
func SharedDashboard(t *testing.T, access Access) *Dashboard {
	return served(t, shared(t), func(o *Options) { o.Access = access })
}

// TenantSeesNothingOfOthers tries every route as acme's administrators and as those who see all.
func TenantSeesNothingOfOthers(t *testing.T, d *Dashboard, by func(group string) func(*http.Request)) {
	tenantSeesNothingOfOthers(t, d, by)
}
