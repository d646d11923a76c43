package obligation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

// art09 is Article 9: the producer's responsibility and the service agreement.
func art09() []Control {
	return []Control{{
		Duty:    "G9-01",
		Control: Bilingual{"使用者接受现行服务协议之前，不生成任何内容。", "Nothing is generated before the user has accepted the agreement in force."},
		Fresh:   probeFresh,
		Check:   checkAgreement,
	}, {
		Duty:    "G9-02",
		Control: Bilingual{"协议与隐私政策逐条核对必备内容。", "Agreement and privacy policy are checked for every mandatory clause."},
		NotYet: &Bilingual{"协议文本已版本化并留痕，但尚不核对必备条款，也没有隐私政策文本。请由法务核对：权利义务、禁止用途、处置与申诉、标识方式、知识产权、训练使用、未成年人、投诉时限。",
			"Agreement texts are versioned and recorded, but their clauses are not checked and there is no privacy-policy text yet. Have counsel check: rights and duties, banned uses, sanctions and appeal, labels, intellectual property, training use, minors, complaint times."},
	}, {
		Duty:    "G9-03",
		Control: Bilingual{"未认证真实身份的使用者不能发布信息。", "A user whose identity is not verified cannot publish."},
		NotYet: &Bilingual{"尚不登记身份认证状态；hegui 本身不提供发布功能。应用提供发布或即时通讯的，请在应用中完成真实身份认证。",
			"Identity state is not recorded yet; hegui itself offers no publishing. If the application lets users publish or message, verify identity there."},
	}, {
		Duty:    "G9-04",
		Control: Bilingual{"以显著方式提示使用者和技术支持者承担安全义务，管理制度齐备。", "Users and technical supporters are conspicuously reminded of their security duties; the management systems exist."},
		NotYet: &Bilingual{"尚不登记八项管理制度和提示记录。请自行建立用户注册、算法机制机理审核、科技伦理审查、信息发布审核、数据安全、个人信息保护、反电信网络诈骗、应急处置制度。",
			"The eight management systems and the reminders are not recorded yet. Keep your own: registration, algorithm review, ethics review, publication review, data security, personal information, anti-fraud, emergencies."},
	}}
}

// checkAgreement cross-checks exchanges against acceptances: for each exchange in which something was generated, the user
// must have accepted, before it, the version that was in force at that moment, or the key must stand under a contract.
func checkAgreement(ctx context.Context, ev Evidence) (Finding, error) {
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	if err := j.probed(ctx, ev, "agreement"); err != nil {
		return Finding{}, err
	}
	versions := map[string][]inForce{}
	for _, s := range services {
		if versions[s.ID], err = ev.agreements(ctx, s.ID); err != nil {
			return Finding{}, err
		}
		if s.Agreement == "" {
			j.sayf(Notice, "服务 %s 没有生效的协议，因此不生成任何内容。", "Service %s has no agreement in force, so it generates nothing.", s.ID)
			j.mend("在 hegui.yaml 中为该服务声明协议文本。", "Declare the agreement text of the service in hegui.yaml.")
		}
	}
	keys, err := ev.Services.Keys(ctx)
	if err != nil {
		return Finding{}, err
	}
	contracts := map[string]service.Key{}
	for _, k := range keys {
		if k.Contract != "" {
			contracts[k.ID] = k
		}
	}
	sample, err := ev.windowSample(ctx)
	if err != nil {
		return Finding{}, err
	}
	stats, err := ev.windowStats(ctx)
	if err != nil {
		return Finding{}, err
	}
	j.ref(ev.windowRef())
	looked, byContract, without := 0, 0, 0
	said := map[string][]acceptance{}
	for _, r := range sample {
		if r.Outcome == exchange.Rejected {
			continue // turned away before any model saw it
		}
		looked++
		if _, ok := contracts[r.Key]; ok {
			byContract++
			continue
		}
		if _, known := said[r.User]; !known {
			if said[r.User], err = ev.acceptances(ctx, r.User); err != nil {
				return Finding{}, err
			}
		}
		if !accepted(r, said[r.User], versions[r.Service]) {
			without++
			j.ref("exchange:" + r.ID)
		}
	}
	for _, list := range said {
		if n := len(list); n > 0 {
			j.ref(list[n-1].ref)
		}
	}
	j.fact("exchanges_24h", stats.Total)
	j.fact("looked_at", looked)
	j.fact("users_looked_at", len(said))
	j.fact("under_contract", byContract)
	j.fact("without_acceptance", without)
	if without > 0 {
		j.sayf(Breach, "查看的 %d 次交互中有 %d 次在接受现行协议之前生成。", "Exchanges looked at: %d, generated before the agreement in force was accepted: %d.", looked, without)
		j.mend("查明这些交互如何绕过协议环节。", "Find out how these exchanges got past the agreement guard.")
	} else {
		j.sayf(Met, "近 24 小时查看的 %d 次交互都在接受协议之后。", "Exchanges looked at in the last 24 h: %d, all after acceptance.", looked)
	}
	return j.finding()
}

// inForce is a version of an agreement and since when it counted.
type inForce struct {
	since time.Time
	text  string
}

// agreements reads from the journal which agreement a service had in force when, oldest first.
func (ev Evidence) agreements(ctx context.Context, serviceID string) ([]inForce, error) {
	events, err := ev.Journal.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.ServiceInForce}, Ref: journal.Ref{Kind: "service", ID: serviceID}, Limit: 1000})
	if err != nil {
		return nil, err
	}
	out := make([]inForce, 0, len(events))
	for i := len(events) - 1; i >= 0; i-- {
		var body struct {
			Agreement string `json:"agreement"`
		}
		if err := json.Unmarshal(events[i].Body, &body); err != nil {
			return nil, fmt.Errorf("body of event %s: %w", eventRef(events[i]), err)
		}
		out = append(out, inForce{events[i].At, body.Agreement})
	}
	return out, nil
}

type acceptance struct {
	at   time.Time
	text string
	ref  string
}

// acceptances reads from the journal what a user accepted, oldest first.
func (ev Evidence) acceptances(ctx context.Context, subject string) ([]acceptance, error) {
	events, err := ev.Journal.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.UserAccepted}, Ref: journal.Ref{Kind: "user", ID: subject}, Ascending: true, Limit: 1000})
	if err != nil {
		return nil, err
	}
	out := make([]acceptance, len(events))
	for i, e := range events {
		var body struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return nil, fmt.Errorf("body of event %s: %w", eventRef(e), err)
		}
		out[i] = acceptance{e.At, body.Text, eventRef(e)}
	}
	return out, nil
}

// grace is how long after a change the gateway may still judge by the version before: registers follow the journal within
// one second, and an exchange admitted before the change may begin after it.
const grace = 2 * time.Second

func accepted(r exchange.Record, said []acceptance, versions []inForce) bool {
	current := map[string]bool{}
	for i, v := range versions {
		ended := i+1 < len(versions) && versions[i+1].since.Add(grace).Before(r.At)
		if !v.since.After(r.At) && !ended && v.text != "" {
			current[v.text] = true
		}
	}
	for _, a := range said {
		if !a.at.After(r.At) && current[a.text] {
			return true
		}
	}
	return false
}
