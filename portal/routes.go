package portal

// route is one line of the portal's table of contents. Everybody may ask for everything here; what must not be public does
// not belong on the portal.
type route struct {
	method, path string
	serve        func(*portal, *visit) error
}

// routes is the whole portal.
var routes = []route{
	{"GET", "/{$}", (*portal).index},
	{"GET", "/services/{id}", (*portal).about},
	{"GET", "/services/{id}/agreement", (*portal).agreement},
	{"GET", "/accept", (*portal).acceptPage},
	{"POST", "/accept", (*portal).accept},
	{"GET", "/dispute", (*portal).disputePage},
	{"POST", "/dispute", (*portal).dispute},
	{"GET", "/dispute/status", (*portal).standing},
	{"GET", "/check", (*portal).checkPage},
	{"POST", "/check", (*portal).check},
	{"GET", "/healthz", (*portal).healthz},

	{"GET", "/api/openapi.json", (*portal).openAPI},
	{"GET", "/api/v1/services", (*portal).apiServices},
	{"GET", "/api/v1/services/{id}", (*portal).apiService},
	{"POST", "/api/v1/accept", (*portal).apiAccept},
	{"POST", "/api/v1/disputes", (*portal).apiDispute},
	{"GET", "/api/v1/disputes/{receipt}", (*portal).apiStanding},
	{"POST", "/api/v1/check", (*portal).apiCheck},
}
