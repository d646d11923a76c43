package obligation

import (
	"context"
	"time"

	"github.com/hegui/hegui/journal"
)

// art13 is Article 13: safe, stable and continuous service.
func art13() []Control {
	return []Control{{
		Duty:    "S13-01",
		Control: Bilingual{"上游健康检查与故障切换；统计可用率。", "Upstreams are watched and failed over; availability is counted."},
		Fresh:   Window,
		Check:   checkAvailability,
	}, {
		Duty:    "S13-02",
		Control: Bilingual{"监测攻击，限制频率，扫描依赖漏洞。", "Attacks are watched, rates limited, dependencies scanned."},
		NotYet: &Bilingual{"已有频率限制和请求体限制，但尚不识别注入、越狱等攻击，也不扫描漏洞。请用 hegui version --sbom 的清单自行扫描。",
			"Rates and bodies are limited, but injection and jailbreaks are not recognised and vulnerabilities not scanned yet. Scan the list that hegui version --sbom prints."},
	}, {
		Duty:    "S13-03",
		Control: Bilingual{"更新前重跑题库，未通过不发布；定期演练恢复。", "Banks are rerun before an update and a red gate stops it; recovery is drilled."},
		NotYet:  &Bilingual{"声明的变更已版本化并留痕，但尚无发布前测试和备份恢复演练。请在更新前自行评估，并定期备份数据目录与密钥。", "Changes of declarations are versioned and recorded, but nothing is tested before release and no recovery is drilled yet. Assess updates yourself and back up data directory and keys."},
	}}
}

// wantedAvailability is our default; the law gives no number.
const wantedAvailability = 0.99

func checkAvailability(ctx context.Context, ev Evidence) (Finding, error) {
	if _, err := ev.services(); err != nil {
		return Finding{}, err
	}
	stats, err := ev.windowStats(ctx)
	if err != nil {
		return Finding{}, err
	}
	s, j := scopeOf(ev), begin()
	failed := stats.Errors + stats.Truncated + stats.Broken
	j.fact("exchanges_24h", stats.Total)
	j.fact("failed_24h", failed)
	j.ref(ev.windowRef())
	if stats.Total == 0 {
		j.say(Unknown, "近 24 小时没有交互，无从计算可用率。", "There was no exchange in the last 24 h to reckon availability from.")
	} else {
		j.seen(time.UnixMilli(stats.NewestMS))
		up := 1 - float64(failed)/float64(stats.Total)
		j.fact("availability", up)
		status := Met
		if up < wantedAvailability {
			status = Short
			j.mend("查看上游健康状况与失败的交互。", "Look at upstream health and the failed exchanges.")
		}
		j.sayf(status, "近 24 小时可用率 %.2f%%（%d 次交互，失败 %d 次）。", "Availability over the last 24 h was %.2f %% (exchanges: %d, failed: %d).", 100*up, stats.Total, failed)
	}
	single := []string{}
	for _, r := range s.routed() {
		places := map[string]bool{}
		for _, t := range r.Route.Targets {
			places[t.Endpoint] = true
		}
		if len(places) < 2 {
			single = append(single, r.Service.ID+"/"+r.Route.Name)
		}
	}
	j.fact("routes_without_failover", single)
	if len(single) > 0 {
		j.sayf(Notice, "%d 条路由只有一个上游，无法切换。", "Routes with one upstream only, which cannot fail over: %d.", len(single))
		j.mend("为每条路由配置第二个上游。", "Give each route a second upstream.")
	}
	changes, err := ev.Journal.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.UpstreamChanged}, From: ev.from(), To: ev.Now.Add(time.Second), Limit: 100})
	if err != nil {
		return Finding{}, err
	}
	j.fact("upstream_changes_24h", len(changes))
	if len(changes) > 0 {
		j.ref(eventRef(changes[0]))
	}
	j.say(Notice, "尚不登记演练。", "Drills are not recorded yet.")
	j.mend("请每年至少演练两次切换并留存记录。", "Drill the switch-over at least twice a year and keep the record.")
	return j.finding()
}
