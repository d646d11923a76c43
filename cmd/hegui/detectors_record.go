package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/obligation"
)

// recordDetectors writes down which detectors besides the lexicon look at texts here, and on which of their findings the policy in force
// acts; the same as before is no news. One goroutine calls it.
func (sv *server) recordDetectors(ctx context.Context) error {
	p := sv.policy.Load()
	now := obligation.DetectorFacts{Known: true, All: []obligation.DetectorFact{}}
	for _, d := range sv.gateway.Detectors() {
		about := d.Describe()
		f := obligation.DetectorFact{Name: about.Name, Kind: about.Kind, Observe: about.Observes, Heeded: map[string][]string{"in": {}, "out": {}}}
		if !about.Observes {
			f.Heeded = map[string][]string{"in": p.Heeds("in", about.Kind), "out": p.Heeds("out", about.Kind)}
		}
		now.All = append(now.All, f)
	}
	slices.SortFunc(now.All, func(a, b obligation.DetectorFact) int { return strings.Compare(a.Name, b.Name) })
	if sv.detectorsRecorded == nil {
		last, err := obligation.DetectorsInForce(ctx, sv.in.journal)
		if err != nil {
			return err
		}
		sv.detectorsRecorded = &last
	}
	if reflect.DeepEqual(*sv.detectorsRecorded, now) {
		return nil
	}
	b, err := json.Marshal(map[string]any{"detectors": now.All, "policy": p.Hash()})
	if err != nil {
		return fmt.Errorf("detectors: %w", err)
	}
	if _, err := sv.in.journal.Commit(ctx, journal.Write{Events: []journal.Event{{Who: journal.Actor{Kind: "system", ID: "configuration"},
		Verb: journal.DetectorsInForce, Ref: journal.Ref{Kind: "node", ID: sv.in.config.Node}, Body: b}}}); err != nil {
		return fmt.Errorf("detectors: %w", err)
	}
	sv.detectorsRecorded = &now // other nodes may have others: who compared with the journal would write in turn for ever
	return nil
}
