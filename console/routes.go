package console

import "github.com/hegui/hegui/operator"

// route is one line of the table of contents: what may be asked for, what the asker must be able to do, and who answers.
// nav is the catalogue key under which the page stands in the navigation, "" for pages that are reached from others.
type route struct {
	method, path string
	need         operator.Capability
	serve        func(*console, *visit) error
	nav          string
}

// Needs of routes that are not a capability: public is open to anybody, anyStaff to whoever has logged in.
const (
	public   operator.Capability = ""
	anyStaff operator.Capability = "*"
)

// routes is the whole console. A page that is not here does not exist; a capability that is not here is not enforced.
var routes = []route{
	{"GET", "/login", public, (*console).loginPage, ""},
	{"POST", "/login", public, (*console).login, ""},
	{"GET", "/link", public, (*console).linkPage, ""},
	{"POST", "/link", public, (*console).useLink, ""},
	{"POST", "/logout", anyStaff, (*console).logout, ""},
	{"GET", "/healthz", public, (*console).healthz, ""},

	{"GET", "/{$}", operator.View, (*console).today, "nav.today"},

	{"GET", "/exchanges", operator.View, (*console).exchanges, "nav.exchanges"},
	{"GET", "/exchanges/export", operator.View, (*console).exportExchanges, ""},
	{"GET", "/exchanges/{id}", operator.View, (*console).exchange, ""},
	{"POST", "/exchanges/{id}/content", operator.ReadContent, (*console).readContent, ""},

	{"GET", "/try", operator.TryService, (*console).tryPage, "nav.try"},
	{"POST", "/try", operator.TryService, (*console).try, ""},
	{"POST", "/try/stream", operator.TryService, (*console).tryStream, ""},

	{"GET", "/obligations", operator.View, (*console).obligations, "nav.obligations"},
	{"GET", "/obligations/export", operator.View, (*console).exportObligations, ""},

	{"GET", "/evidence", operator.View, (*console).evidence, "nav.evidence"},
	{"GET", "/evidence/event", operator.View, (*console).event, ""},
	{"GET", "/evidence/proof", operator.View, (*console).proof, ""},
	{"POST", "/evidence/verify", operator.Verify, (*console).verify, ""},
	{"POST", "/evidence/checkpoint", operator.Verify, (*console).sign, ""},

	{"GET", "/settings", operator.View, (*console).settings, "nav.settings"},
	{"GET", "/settings/keys", operator.View, (*console).keys, ""},
	{"POST", "/settings/keys", operator.ManageKeys, (*console).issueKey, ""},
	{"POST", "/settings/keys/revoke", operator.ManageKeys, (*console).revokeKey, ""},
	{"GET", "/settings/users", operator.View, (*console).users, ""},
	{"POST", "/settings/users/suspend", operator.ManageUsers, (*console).suspendUser, ""},
	{"POST", "/settings/users/lift", operator.ManageUsers, (*console).liftUser, ""},
	{"GET", "/settings/staff", operator.ManageStaff, (*console).staffPage, ""},
	{"POST", "/settings/staff", operator.ManageStaff, (*console).addStaff, ""},
	{"POST", "/settings/staff/link", operator.ManageStaff, (*console).linkStaff, ""},
	{"POST", "/settings/staff/disable", operator.ManageStaff, (*console).disableStaff, ""},
	{"GET", "/settings/me", anyStaff, (*console).me, ""},
	{"POST", "/settings/me", anyStaff, (*console).setPassword, ""},

	{"GET", "/api/openapi.json", public, (*console).openAPI, ""},
	// The API answers with the session of whoever has logged in.
	{"GET", "/api/v1/exchanges", operator.View, (*console).apiExchanges, ""},
	{"GET", "/api/v1/exchanges/{id}", operator.View, (*console).apiExchange, ""},
	{"POST", "/api/v1/exchanges/{id}/content", operator.ReadContent, (*console).apiContent, ""},
	{"GET", "/api/v1/obligations", operator.View, (*console).apiObligations, ""},
	{"GET", "/api/v1/events", operator.View, (*console).apiEvents, ""},
	{"GET", "/api/v1/proof", operator.View, (*console).proof, ""},
	{"POST", "/api/v1/verify", operator.Verify, (*console).apiVerify, ""},
	{"GET", "/api/v1/keys", operator.View, (*console).apiKeys, ""},
	{"POST", "/api/v1/keys", operator.ManageKeys, (*console).apiIssueKey, ""},
	{"POST", "/api/v1/keys/revoke", operator.ManageKeys, (*console).apiRevokeKey, ""},
}
