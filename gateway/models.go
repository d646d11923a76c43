package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/hegui/hegui/service"
)

// model is one entry of GET /v1/models.
type model struct {
	ID      string     `json:"id"`
	Object  string     `json:"object"`
	Created int64      `json:"created"`
	OwnedBy string     `json:"owned_by"`
	Hegui   modelFacts `json:"hegui"`
}

// modelFacts are what a user of the service may want to know (Art 10, 17).
type modelFacts struct {
	Model  string `json:"model"`
	NameZH string `json:"name_zh"`
	NameEN string `json:"name_en"`
	Filing string `json:"filing_no"`
	Sample bool   `json:"sample,omitempty"`
}

// models lists what the key's service has in force.
func (g *Gateway) models(w http.ResponseWriter, r *http.Request) {
	c := &call{w: w, r: r, started: g.o.Now()}
	if in := authenticate(r.Context(), g, c); in != nil {
		writeError(w, in, "")
		return
	}
	describe := func(route service.Route) model {
		m := model{ID: route.Name, Object: "model"}
		if dossier, ok := g.o.Services.Model(route.Model); ok {
			m.OwnedBy = dossier.Vendor
			m.Hegui = modelFacts{dossier.ID, dossier.NameZH, dossier.NameEN, dossier.FilingNo, dossier.Sample}
		}
		return m
	}
	var answer any
	if wanted := r.PathValue("model"); wanted != "" {
		for _, route := range c.service.Models {
			if route.Name == wanted {
				answer = describe(route)
			}
		}
		if answer == nil {
			writeError(w, problem(http.StatusNotFound, "model_not_found", "model", "the model "+strconv.Quote(clip(wanted, 80))+" is not in force for this service; GET /v1/models lists those that are"), "")
			return
		}
	} else {
		list := make([]model, 0, len(c.service.Models))
		for _, route := range c.service.Models {
			list = append(list, describe(route))
		}
		answer = map[string]any{"object": "list", "data": list}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		writeError(w, problem(http.StatusInternalServerError, "internal", "", "the list could not be written"), "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
}
