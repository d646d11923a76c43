package obligation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

const (
	// Window is how far back checks look at exchanges.
	Window = 24 * time.Hour
	// sampleSize bounds how many records a check reads one by one; sums over the whole window come from exchange.Stats.
	sampleSize = 2000
	// probeFresh is how old a self-test may be; they run every minute.
	probeFresh = 5 * time.Minute
)

var errNoService = errors.New("no service is in force; declare one in hegui.yaml or start with --demo")

// look reads once per Run what several checks need. Checks run one after another, so it needs no lock.
type look struct {
	stats  *exchange.Stats
	sample []exchange.Record
	probes map[string]map[string]probe // service, guard
	pages  map[string]page
}

// shared returns the readings of this Run; a check called alone reads for itself.
func (ev *Evidence) shared() *look {
	if ev.look == nil {
		ev.look = &look{}
	}
	return ev.look
}

func (ev Evidence) from() time.Time { return ev.Now.Add(-Window) }

// services lists what is in force; none is an error, because then there is nothing to judge.
func (ev Evidence) services() ([]service.Service, error) {
	if ev.Services == nil {
		return nil, errNoService
	}
	s := ev.Services.Services()
	if len(s) == 0 {
		return nil, errNoService
	}
	return s, nil
}

// windowStats sums the exchanges of the window over all services.
func (ev Evidence) windowStats(ctx context.Context) (exchange.Stats, error) {
	l := ev.shared()
	if l.stats == nil {
		s, err := ev.Exchanges.Stats(ctx, "", ev.from(), ev.Now)
		if err != nil {
			return exchange.Stats{}, err
		}
		l.stats = &s
	}
	return *l.stats, nil
}

// windowSample returns the newest records of the window, at most sampleSize, self-tests left out.
func (ev Evidence) windowSample(ctx context.Context) ([]exchange.Record, error) {
	l := ev.shared()
	if l.sample != nil {
		return l.sample, nil
	}
	f := exchange.Filter{From: ev.from(), To: ev.Now, Limit: 500}
	sample := []exchange.Record{}
	// Self-tests are listed too; twice the number of pages bounds the reading when they are most of the traffic.
	for range 2 * sampleSize / f.Limit {
		page, err := ev.Exchanges.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if r.Application != exchange.ProbeApplication && len(sample) < sampleSize {
				sample = append(sample, r)
			}
		}
		if len(page) < f.Limit || len(sample) == sampleSize {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	l.sample = sample
	return sample, nil
}

// probe is the newest self-test of one guard of one service.
type probe struct {
	OK  bool
	Saw string
	At  time.Time
	Ref string
}

// newestProbes reads the self-tests of the last hour, the newest per service and guard.
func (ev Evidence) newestProbes(ctx context.Context) (map[string]map[string]probe, error) {
	l := ev.shared()
	if l.probes != nil {
		return l.probes, nil
	}
	events, err := ev.Journal.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.ProbeRan}, From: ev.Now.Add(-time.Hour), To: ev.Now.Add(time.Second), Limit: 1000})
	if err != nil {
		return nil, err
	}
	probes := map[string]map[string]probe{}
	for _, e := range events { // newest first
		var body struct {
			Service string `json:"service"`
			Results []struct {
				Service string `json:"service"`
				Guard   string `json:"guard"`
				OK      bool   `json:"ok"`
				Saw     string `json:"saw"`
			} `json:"results"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return nil, fmt.Errorf("body of event %s: %w", eventRef(e), err)
		}
		for _, r := range body.Results {
			if r.Service == "" {
				r.Service = body.Service
			}
			if probes[r.Service] == nil {
				probes[r.Service] = map[string]probe{}
			}
			if _, newer := probes[r.Service][r.Guard]; !newer {
				probes[r.Service][r.Guard] = probe{r.OK, r.Saw, e.At, eventRef(e)}
			}
		}
	}
	l.probes = probes
	return probes, nil
}

// probed holds the judgement to the newest self-test of a guard: every service in force needs one that passed; how old
// they are decides whether the finding still counts.
func (j *judgement) probed(ctx context.Context, ev Evidence, guard string) error {
	services, err := ev.services()
	if err != nil {
		return err
	}
	probes, err := ev.newestProbes(ctx)
	if err != nil {
		return err
	}
	ages := map[string]string{}
	for _, s := range services {
		p, ok := probes[s.ID][guard]
		if !ok {
			j.sayf(Unknown, "服务 %s 近一小时没有 %s 自检记录。", "Service %s has no self-test of %s in the last hour.", s.ID, guard)
			j.mend("自检由运行中的服务每分钟进行；请确认服务正在运行。", "Self-tests are run every minute by the running server; make sure that it runs.")
			continue
		}
		j.seen(p.At)
		j.ref(p.Ref)
		ages[s.ID] = p.At.UTC().Format(time.RFC3339)
		if !p.OK {
			j.sayf(Breach, "服务 %s 的 %s 自检未通过：%s。", "The self-test of %[2]s failed for service %[1]s: %[3]s.", s.ID, guard, p.Saw)
			j.mend("按自检所见排查该环节；修复后下一次自检会更新状态。", "Follow what the self-test saw; the next one after the repair changes the status.")
		}
	}
	j.fact("probe_"+guard, ages)
	return nil
}

// eventRef names an event as the console and the CLI find it.
func eventRef(e journal.Event) string { return fmt.Sprintf("%s#%d", e.Log, e.Seq) }

// windowRef names the closing events of the window.
func (ev Evidence) windowRef() string {
	return fmt.Sprintf("verb:%s %s..%s", journal.ExchangeClosed, ev.from().UTC().Format(time.RFC3339), ev.Now.UTC().Format(time.RFC3339))
}

// declared returns the reference of the newest event about a declared thing.
func (ev Evidence) declared(ctx context.Context, verb journal.Verb, kind, id string) (journal.Event, bool, error) {
	events, err := ev.Journal.Events(ctx, journal.Filter{Verbs: []journal.Verb{verb}, Ref: journal.Ref{Kind: kind, ID: id}, Limit: 1})
	if err != nil || len(events) == 0 {
		return journal.Event{}, false, err
	}
	return events[0], true, nil
}

// declares refers to the declarations that a check rests on. They are read from what is in force now, so they are as
// fresh as the moment.
func (j *judgement) declares(ctx context.Context, ev Evidence, s Scope) error {
	for _, svc := range s.Services {
		e, ok, err := ev.declared(ctx, journal.ServiceInForce, "service", svc.ID)
		if err != nil {
			return err
		}
		if ok {
			j.ref(eventRef(e))
		}
	}
	for _, m := range s.Models {
		e, ok, err := ev.declared(ctx, journal.ModelInForce, "model", m.ID)
		if err != nil {
			return err
		}
		if ok {
			j.ref(eventRef(e))
		}
	}
	j.seen(ev.Now)
	return nil
}

// asked tells whether a record is of an exchange that went to a model or was refused after it had been looked at; those
// turned away at the door, and those that hegui's own end cut off, were not looked at.
func asked(r exchange.Record) bool {
	return r.Outcome != exchange.Rejected && r.Outcome != exchange.Broken && r.Detached == ""
}

// shown tells whether the user was shown text that a model made, as exchange.Stats counts it.
func shown(r exchange.Record) bool {
	switch r.Verdict {
	case exchange.Allow, exchange.Mask, exchange.Guide, exchange.Stop, exchange.UpstreamRefused:
		return r.Output != "" && r.Operation != "embedding" && r.Detached == ""
	}
	return false
}

// detached holds the judgement to answers that hegui only judged: the application enforces and labels them, and the only
// evidence is its word. Without it the status is never better than a notice; labels counts only those acknowledged as labelled.
func (j *judgement) detached(d exchange.Detached, labels bool) {
	if d.Answers == 0 {
		return
	}
	told := d.Shown
	if labels {
		told = d.Labelled
	}
	j.fact("detached_24h", d.Answers)
	j.fact("detached_acknowledged_24h", told)
	if silent := d.Answers - told - d.Beyond; silent > 0 {
		j.sayf(Notice, "近 24 小时有 %d 个答案只经检测、由应用自行展示，应用未确认如何展示。", "Answers of the last 24 h that were only judged and shown by the application, which has not acknowledged how: %d.", silent)
		j.mend("请让应用在展示后调用 POST /v1/hegui/screen/ack，或改由网关转发。", "Have the application call POST /v1/hegui/screen/ack after showing them, or send its traffic through the gateway.")
	}
	if d.Beyond > 0 && !labels {
		j.sayf(Breach, "近 24 小时应用确认有 %d 个答案展示的内容多于检测放行的内容。", "Answers of the last 24 h of which the application says that it showed more than it might: %d.", d.Beyond)
		j.mend("请应用只展示 releasable 以内的文字，并按 withdraw 撤回。", "Have the application show no more than releasable, and take back what withdraw says.")
	}
}
