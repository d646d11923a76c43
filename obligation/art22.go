package obligation

import "context"

// art22 is Articles 22 and 23: roles in the chain, licences and foreign investment.
func art22() []Control {
	return []Control{{
		Duty:    "SC-02",
		Control: Bilingual{"每条路由都有模型档案：谁提供、在哪里运行。", "Every route has a model dossier: who supplies it and where it runs."},
		Fresh:   probeFresh,
		Check:   checkRoles,
	}, {
		Duty:    "SC-03",
		Control: Bilingual{"需要许可的行业功能在许可登记有效前不开放。", "A function that needs a licence stays off until a valid licence is on record."},
		NotYet: &Bilingual{"尚不登记许可，也不按行业功能拦截。请自行核对新闻、出版、视听、文化、增值电信等许可及外商投资限制后再上线相应功能。",
			"Licences are not recorded and sector functions are not held back yet. Check news, publishing, audio-visual, culture and telecom licences and the foreign-investment limits yourself before such a function goes live."},
	}}
}

func checkRoles(ctx context.Context, ev Evidence) (Finding, error) {
	if _, err := ev.services(); err != nil {
		return Finding{}, err
	}
	s, j := scopeOf(ev), begin()
	if err := j.declares(ctx, ev, s); err != nil {
		return Finding{}, err
	}
	lacking := []string{}
	for _, r := range s.routed() {
		if !r.Known || r.Model.Vendor == "" || r.Model.Region == "" {
			lacking = append(lacking, r.Service.ID+"/"+r.Route.Name)
		}
	}
	j.fact("routes", len(s.routed()))
	j.fact("routes_without_dossier", lacking)
	if len(s.routed()) == 0 {
		j.say(Notice, "没有任何路由。", "There is no route.")
	}
	if len(lacking) > 0 {
		j.sayf(Breach, "%d 条路由没有写明提供方和运行地的模型档案。", "Routes without a dossier that names supplier and place: %d.", len(lacking))
		j.mend("在 hegui.yaml 的 models 中补全 vendor 与 region。", "Complete vendor and region under models in hegui.yaml.")
	} else {
		j.sayf(Met, "%d 条路由都有写明提供方和运行地的档案。", "Routes: %d, all with a dossier that names supplier and place.", len(s.routed()))
	}
	j.say(Short, "尚不记录各方角色（提供者、技术支持者、传播平台）。", "The role of each party (provider, technical supporter, propagating platform) is not recorded yet.")
	j.mend("请在与各方的合同中写明角色与义务。", "State roles and duties in the contracts with each party.")
	return j.finding()
}
