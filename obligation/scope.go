package obligation

import (
	"slices"

	"github.com/hegui/hegui/service"
)

// Scope is what the installation is, as far as it decides which duties apply.
type Scope struct {
	Provider service.Provider
	Services []service.Service
	Models   []service.Model
}

func scopeOf(ev Evidence) (s Scope) {
	if ev.Services == nil {
		return s
	}
	return Scope{Provider: ev.Services.Provider(), Services: ev.Services.Services(), Models: ev.Services.Models()}
}

// routed is a model as a service offers it.
type routed struct {
	Service service.Service
	Route   service.Route
	Model   service.Model
	Known   bool // a dossier is declared
}

func (s Scope) routed() []routed {
	var out []routed
	for _, svc := range s.Services {
		for _, rt := range svc.Models {
			r := routed{Service: svc, Route: rt}
			if i := slices.IndexFunc(s.Models, func(m service.Model) bool { return m.ID == rt.Model }); i >= 0 {
				r.Model, r.Known = s.Models[i], true
			}
			out = append(out, r)
		}
	}
	return out
}

// onlySamples is the rule by which duties about real models do not apply to a demo: at least one model is offered and
// every one is the built-in sample, which answers in process and is no model.
func (s Scope) onlySamples() bool {
	all := s.routed()
	for _, r := range all {
		if !r.Known || !r.Model.Sample {
			return false
		}
	}
	return len(all) > 0
}

func realModel(s Scope) (bool, Bilingual) {
	return !s.onlySamples(), Bilingual{"所有路由都指向内置示例模型；它在本程序内应答，不是真实模型，没有可备案的对象。",
		"Every route leads to the built-in sample model, which answers inside this program and is no model that could be filed."}
}
