package obligation

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
)

// art19 is Articles 19 to 21: supervision, and the records it asks for.
func art19() []Control {
	return []Control{{
		Duty:    "V19-01",
		Control: Bilingual{"一键生成检查材料：数据来源、规模、类型、标注规则、算法机制机理、日志、评估。", "An inspection pack is built at once: sources, scale, types, annotation rules, mechanism, logs, assessments."},
		NotYet: &Bilingual{"尚无检查材料生成。可用 hegui journal export 导出可独立核验的日志账本，其余材料请自行准备。",
			"There is no inspection pack yet. hegui journal export gives the journal in a form that others can verify; prepare the rest yourself."},
	}, {
		Duty:    "V19-02",
		Control: Bilingual{"每次交互写入不可篡改的日志账本，字段齐全，可证明。", "Every exchange is written to a tamper-evident journal, with all fields, and can be proved."},
		Fresh:   probeFresh,
		Check:   checkRecord,
	}, {
		Duty:    "V19-03",
		Control: Bilingual{"法规数据注明来源与核对日期，90 天内复核。", "The data on the law names sources and the day it was checked, and is checked again within 90 days."},
		Fresh:   probeFresh,
		Check:   checkRules,
	}, {
		Duty:    "V19-04",
		Control: Bilingual{"依主管部门要求暂停信息更新、账号注册或者其他服务的三个开关。", "Three switches stop publishing, sign-up or other services on an authority's order."},
		NotYet: &Bilingual{"尚无三个开关及命令登记。需要暂停时，请停止网关或吊销密钥，并保存命令与整改记录。",
			"The three switches and the record of orders are not there yet. To suspend, stop the gateway or revoke keys, and keep the order and the record of rectification."},
	}}
}

const (
	// wantedFields is the share of filled fields, our reading of "complete".
	wantedFields = 0.999
	// logTerm is six months, the least that CSL and LM ask of logs.
	logTerm = 180 * 24 * time.Hour
)

// checkRecord looks at four things: that no exchange lacks its end, that records have all fields, that a recent one can be
// proved from the tree, and that the self-test of the recorder passes.
func checkRecord(ctx context.Context, ev Evidence) (Finding, error) {
	j := begin()
	if err := j.probed(ctx, ev, "record"); err != nil {
		return Finding{}, err
	}
	if err := j.ends(ctx, ev); err != nil {
		return Finding{}, err
	}
	if err := j.fields(ctx, ev); err != nil {
		return Finding{}, err
	}
	if err := j.proves(ctx, ev); err != nil {
		return Finding{}, err
	}
	first, err := ev.Journal.Events(ctx, journal.Filter{Ascending: true, Limit: 1})
	if err != nil {
		return Finding{}, err
	}
	if len(first) > 0 {
		age := ev.Now.Sub(first[0].At)
		j.ref(eventRef(first[0]))
		j.fact("oldest", first[0].At.UTC().Format(time.RFC3339))
		if age < logTerm {
			j.sayf(Notice, "日志自 %s 起留存，尚不足六个月；不会删除。", "Logs are kept since %s, less than six months; none are deleted.", first[0].At.In(measures.Shanghai()).Format(time.DateOnly))
			j.mend("此前的日志请从原系统保存至少六个月。", "Keep earlier logs from the system before for at least six months.")
		}
	}
	return j.finding()
}

// lateEnd is how long an exchange may run before a missing end counts as missing.
const lateEnd = time.Hour

// ends counts exchanges without an end.
func (j *judgement) ends(ctx context.Context, ev Evidence) error {
	open, err := ev.Exchanges.Unclosed(ctx, ev.Now.Add(-lateEnd))
	if err != nil {
		return err
	}
	stats, err := ev.windowStats(ctx)
	if err != nil {
		return err
	}
	j.fact("exchanges_24h", stats.Total)
	j.fact("without_end", open)
	j.fact("broken_24h", stats.Broken)
	j.ref("verb:"+string(journal.ExchangeOpened), "verb:"+string(journal.ExchangeClosed))
	if open > 0 {
		j.sayf(Breach, "%d 次交互开始一小时后仍没有结束记录。", "Exchanges without end on record an hour after they began: %d.", open)
		j.mend("启动停止的节点，它会补记中断的交互；再执行 hegui journal verify。", "Start the node that stopped, it closes what was cut off; then run hegui journal verify.")
	} else {
		j.say(Met, "没有缺少结束记录的交互。", "No exchange lacks its end.")
	}
	if stats.Broken > 0 {
		j.sayf(Notice, "近 24 小时有 %d 次交互因服务中断而补记结束。", "Exchanges of the last 24 h closed afterwards because hegui itself had died: %d.", stats.Broken)
	}
	return nil
}

// fields counts filled fields of the records: account, time, operation, addresses, identifiers.
func (j *judgement) fields(ctx context.Context, ev Evidence) error {
	sample, err := ev.windowSample(ctx)
	if err != nil {
		return err
	}
	all, filled := 0, 0
	lacking := map[string]int{}
	for _, r := range sample {
		for name, value := range wanted(r) {
			all++
			if value != "" {
				filled++
			} else {
				lacking[name]++
				j.ref("exchange:" + r.ID)
			}
		}
	}
	share := 1.0
	if all > 0 {
		share = float64(filled) / float64(all)
	}
	j.fact("records_looked_at", len(sample))
	j.fact("field_completeness", share)
	j.fact("fields_lacking", lacking)
	if share < wantedFields {
		j.sayf(Breach, "查看的 %d 条记录字段完整率为 %.2f%%，低于 99.9%%。", "Records looked at: %d, fields filled: %.2f %%, less than 99.9 %%.", len(sample), 100*share)
		j.mend("查看所列交互缺少哪些字段。", "Look at the exchanges named for the fields they lack.")
	} else {
		j.sayf(Met, "查看的 %d 条记录字段完整率为 %.2f%%。", "Records looked at: %d, fields filled: %.2f %%.", len(sample), 100*share)
	}
	return nil
}

// wanted are the fields that a record must have. One turned away before its key or user was known cannot have those.
func wanted(r exchange.Record) map[string]string {
	w := map[string]string{"id": r.ID, "operation": r.Operation, "source": r.Source, "destination": r.Destination, "at": filledTime(r.At), "ended": filledTime(r.Ended), "outcome": string(r.Outcome), "verdict": string(r.Verdict)}
	if r.Outcome != exchange.Rejected {
		for name, value := range map[string]string{"user": r.User, "key": r.Key, "application": r.Application, "service": r.Service, "model": r.Model, "content_id": r.ContentID, "policy": r.Policy} {
			w[name] = value
		}
	}
	return w
}

func filledTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// proves takes the newest closing event and follows its audit path to the root that the newest checkpoint names. The
// signature over the checkpoint is for outsiders to check: hegui journal verify does.
func (j *judgement) proves(ctx context.Context, ev Evidence) error {
	events, err := ev.Journal.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.ExchangeClosed, journal.ExchangeRefused, journal.ProbeRan}, Limit: 1})
	if err != nil {
		return err
	}
	if len(events) == 0 {
		j.say(Unknown, "日志账本中还没有交互。", "There is no exchange in the journal yet.")
		return nil
	}
	p, err := ev.Journal.Prove(ctx, events[0].Log, events[0].Seq)
	if err != nil {
		return fmt.Errorf("proof of %s: %w", eventRef(events[0]), err)
	}
	j.ref(eventRef(events[0]))
	j.fact("checkpoint_size", p.Size)
	if err := included(p); err != nil {
		j.fact("proof_error", err.Error())
		j.say(Breach, "最新记录无法由校验点证明。", "The newest record cannot be proved from the checkpoint.")
		j.mend("执行 hegui journal verify，按所指行处理。", "Run hegui journal verify and look at the row it names.")
		return nil
	}
	j.sayf(Met, "最新记录 %s 已由含 %d 个事件的校验点证明。", "The newest record, %s, is proved from a checkpoint of size %d.", eventRef(events[0]), p.Size)
	return nil
}

// included checks an audit path against the root hash in its checkpoint.
func included(p journal.Proof) error {
	lines := strings.Split(p.Checkpoint, "\n")
	if len(lines) < 3 || lines[0] != p.Log || lines[1] != strconv.FormatInt(p.Size, 10) {
		return fmt.Errorf("the checkpoint is not one of %d events of %s", p.Size, p.Log)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return fmt.Errorf("root hash of the checkpoint: %w", err)
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		b, err := base64.StdEncoding.DecodeString(h)
		if err != nil || len(b) != tlog.HashSize {
			return fmt.Errorf("hash %d of the audit path is not 32 bytes of base64", i)
		}
		copy(path[i][:], b)
	}
	return tlog.CheckRecord(path, p.Size, root, p.Seq, tlog.RecordHash([]byte(p.Leaf)))
}

// checkRules tells how old the embedded law is and which instruments were not read in their own text.
func checkRules(_ context.Context, ev Evidence) (Finding, error) {
	on, err := time.ParseInLocation(time.DateOnly, measures.VerifiedOn(), measures.Shanghai())
	if err != nil {
		return Finding{}, fmt.Errorf("date of the data on the law: %w", err)
	}
	j := begin()
	j.seen(ev.Now)
	unread, ahead := []string{}, []string{}
	today := ev.Now.In(measures.Shanghai()).Format(time.DateOnly)
	for _, i := range measures.Instruments() {
		if i.Confidence != "primary" {
			unread = append(unread, i.ID)
		}
		if i.Effective > today {
			ahead = append(ahead, i.ID+" "+i.Effective)
		}
	}
	days := int(ev.Now.Sub(on).Hours() / 24)
	j.fact("verified_on", measures.VerifiedOn())
	j.fact("age_days", days)
	j.fact("version", measures.Version())
	j.fact("not_read_in_full", unread)
	j.fact("not_yet_in_force", ahead)
	j.ref("measures:" + measures.Version()[:16])
	if days > 90 {
		j.sayf(Short, "法规数据最后核对于 %s，已 %d 天。", "The data on the law was last checked on %s; age in days: %d.", measures.VerifiedOn(), days)
		j.mend("升级 hegui，或由法务复核适用的规定。", "Upgrade hegui, or have counsel look over the rules that apply.")
	} else {
		j.sayf(Met, "法规数据最后核对于 %s，距今 %d 天。", "The data on the law was last checked on %s; age in days: %d.", measures.VerifiedOn(), days)
	}
	if _, estimated := measures.Workday(ev.Now.AddDate(0, 2, 0)); estimated {
		j.say(Notice, "两个月内将用到尚未收录的工作日历，届时按周末推算。", "Within two months the working-day calendar is not in the data and will be estimated by weekends.")
		j.mend("国务院公布下一年安排后升级 hegui。", "Upgrade hegui when the State Council has published the next year.")
	}
	return j.finding()
}
