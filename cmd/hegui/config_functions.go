package main

import "github.com/hegui/hegui/service"

// functions is what the configuration says of a service's functions.
func (s ServiceConfig) functions() (list []service.Function) {
	for _, f := range s.Functions {
		list = append(list, service.Function{ID: f.ID, NameZH: f.NameZH, NameEN: f.NameEN, Operations: f.Operations, Models: f.Models, Class: f.Class, Biometric: f.Biometric, Consent: f.Consent})
	}
	return list
}
