package obligation

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/privacy"
)

// art11 is Article 11: users' input, usage records and personal information.
func art11() []Control {
	return []Control{{
		Duty:    "R11-01",
		Control: Bilingual{"登记每个个人信息字段的目的、依据、必要性与期限，未登记的不收。", "Every field of personal information has purpose, basis, need and term on record; others are not taken."},
		NotYet: &Bilingual{"hegui 只保存化名、客户端地址、客户端标识与（可关闭的）加密内容，但尚无字段登记。请自行列出应用收集的字段与依据。",
			"hegui keeps pseudonym, client address, user agent and (unless switched off) sealed content only, but has no register of fields yet. List the fields your application collects and their basis yourself."},
	}, {
		Duty:    "R11-02",
		Control: Bilingual{"送往模型前掩盖身份证号、手机号、银行卡号、邮箱；日志账本不含个人信息。", "Resident IDs, mobiles, bank cards and e-mail addresses are masked before a model sees them; the journal holds none."},
		Fresh:   probeFresh,
		Check:   checkPrivacy,
	}, {
		Duty:    "R11-03",
		Control: Bilingual{"内容到期删除，网络日志至少留存六个月。", "Content is deleted at expiry; network logs stay at least six months."},
		NotYet: &Bilingual{"运行中的服务每小时删除超过 content_days 的加密内容，日志账本从不删除；但尚不统计逾期未删的记录，也没有依法保全。请核对日志中的 content.purged 事件，需要保全时延长 content_days。",
			"The running server deletes sealed content older than content_days every hour and never deletes the journal; what is overdue is not counted yet and there is no legal hold. Look at the content.purged events, and lengthen content_days where content must be preserved."},
	}, {
		Duty:    "R11-04",
		Control: Bilingual{"路由只通往境内运行的模型；向境外提供须有依据记录。", "Routes lead to models that run in mainland China; going abroad needs a record of its basis."},
		Fresh:   probeFresh,
		Check:   checkResidency,
	}, {
		Duty:    "R11-05",
		Control: Bilingual{"受理查阅、复制、更正、补充、删除个人信息的请求，按期办结。", "Requests to access, copy, correct, supplement or delete are accepted and closed in time."},
		NotYet: &Bilingual{"尚无请求入口与时限管理；可以按化名停用并销毁内容密钥。请公布受理邮箱并自行登记时限。",
			"There is no entry for requests and no clock yet; a pseudonym's content key can be destroyed. Publish an address and keep the clock yourself."},
	}, {
		Duty:    "R11-06",
		Control: Bilingual{"应当评估的变更须先有个人信息保护影响评估。", "A change that needs an impact assessment waits for it."},
		NotYet:  &Bilingual{"尚不登记影响评估。请在处理敏感信息、委托处理、向他人提供、出境前自行评估并保存三年。", "Impact assessments are not recorded yet. Make one before sensitive information, entrusting, providing or going abroad, and keep it three years."},
	}, {
		Duty:    "R11-07",
		Control: Bilingual{"泄露与安全事件按级别在时限内报告。", "Breaches and incidents are reported in time by grade."},
		NotYet:  &Bilingual{"尚无事件登记与时钟。请准备应急预案：一般运营者较大以上事件 4 小时内报告省级网信部门，处置结束后 30 日内总结。", "Incidents and their clocks are not kept yet. Have a plan: other operators report relatively major incidents to the provincial cyberspace office within 4 hours and close within 30 days."},
	}}
}

// opaque are values of events that are digests, identifiers or times: strings of digits in them are no telephone numbers.
var opaque = regexp.MustCompile(`^(?:[0-9a-f]{32,}|[0-9A-HJKMNP-TV-Z]{26}|[A-Za-z0-9+/]{43}=|[A-Za-z0-9_-]{43}|\d{4}-\d\d-\d\dT.*)$`)

// scannedEvents is how many of the newest events are searched for personal information.
const scannedEvents = 1000

func checkPrivacy(ctx context.Context, ev Evidence) (Finding, error) {
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	if err := j.probed(ctx, ev, "privacy"); err != nil {
		return Finding{}, err
	}
	for _, s := range services {
		if s.Privacy.In != "mask" || s.Modes.Privacy.Act == "observe" {
			j.sayf(Breach, "服务 %s 不掩盖输入中的个人信息（%s）。", "Service %s does not mask personal information in inputs (%s).", s.ID, s.Privacy.In)
			j.mend("将 privacy.in 设为 mask，并将该环节设为 enforce。", "Set privacy.in to mask and the guard to enforce.")
		}
		if s.Privacy.Out != "mask" {
			j.sayf(Notice, "服务 %s 不掩盖输出中的个人信息（%s）。", "Service %s does not mask personal information in outputs (%s).", s.ID, s.Privacy.Out)
		}
		if s.Modes.Privacy.OnError == "open" {
			j.sayf(Notice, "服务 %s 在掩盖环节无法工作时放行。", "Service %s lets traffic pass when masking cannot work.", s.ID)
		}
	}
	stats, err := ev.windowStats(ctx)
	if err != nil {
		return Finding{}, err
	}
	missed := stats.Asked - stats.PrivacyChecked
	j.ref(ev.windowRef())
	j.fact("looked_at", stats.Asked)
	j.fact("unchecked", missed)
	if missed > 0 {
		j.sayf(Breach, "近 24 小时的 %d 次交互中有 %d 次未查找个人信息。", "Exchanges in the last 24 h: %d, not searched for personal information: %d.", stats.Asked, missed)
	}
	if err := j.leaks(ctx, ev); err != nil {
		return Finding{}, err
	}
	j.fact("kinds", []privacy.Kind{privacy.ResidentID, privacy.Mobile, privacy.BankCard, privacy.Email})
	j.say(Notice, "只识别身份证号、手机号、银行卡号和邮箱，识别率尚未在测试集上测量。", "Only resident IDs, mobiles, bank cards and e-mail addresses are found, and the recall is not measured on a test set yet.")
	j.mend("请提示使用者不要输入其他个人信息。", "Tell users not to enter other personal information.")
	return j.finding()
}

// leaks searches the newest events for personal information: the journal commits and never contains.
func (j *judgement) leaks(ctx context.Context, ev Evidence) error {
	events, err := ev.Journal.Events(ctx, journal.Filter{Limit: scannedEvents})
	if err != nil {
		return err
	}
	leaked := 0
	for _, e := range events {
		var body any
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return err
		}
		if n := personal(body); n > 0 {
			leaked++
			j.ref(eventRef(e))
		}
	}
	if n := len(events); n > 0 {
		j.ref(eventRef(events[n-1]), eventRef(events[0]))
	}
	j.fact("events_scanned", len(events))
	j.fact("events_with_personal_information", leaked)
	if leaked > 0 {
		j.sayf(Breach, "最近 %d 个事件中有 %d 个含有个人信息。", "Newest events read: %d, holding personal information: %d.", len(events), leaked)
		j.mend("查看所列事件，找出写入者。", "Look at the events named and find what wrote them.")
	} else {
		j.sayf(Met, "最近 %d 个事件中没有发现个人信息。", "Newest events read: %d, no personal information found in them.", len(events))
	}
	return nil
}

// personal counts the strings of a JSON value that hold personal information.
func personal(v any) int {
	n := 0
	switch v := v.(type) {
	case string:
		if !opaque.MatchString(v) && !strings.HasPrefix(v, "sha256:") && len(privacy.Scan([]byte(v))) > 0 {
			n++
		}
	case []any:
		for _, x := range v {
			n += personal(x)
		}
	case map[string]any:
		for _, x := range v {
			n += personal(x)
		}
	}
	return n
}

func checkResidency(ctx context.Context, ev Evidence) (Finding, error) {
	if _, err := ev.services(); err != nil {
		return Finding{}, err
	}
	s, j := scopeOf(ev), begin()
	if err := j.declares(ctx, ev, s); err != nil {
		return Finding{}, err
	}
	abroad, unstated, vendors := []string{}, []string{}, map[string]bool{}
	for _, r := range s.routed() {
		name := r.Service.ID + "/" + r.Route.Name
		switch {
		case !r.Known || r.Model.Region == "":
			unstated = append(unstated, name)
		case r.Model.Region != "CN":
			abroad = append(abroad, name+" ("+r.Model.Region+")")
		case !r.Model.Sample:
			vendors[r.Model.Vendor] = true
		}
	}
	j.fact("routes", len(s.routed()))
	j.fact("routes_abroad", abroad)
	j.fact("routes_without_region", unstated)
	if len(abroad) > 0 {
		j.say(Breach, "路由通往境外且没有出境依据记录："+strings.Join(abroad, "、")+"。", "Routes lead abroad without a record of the basis: "+strings.Join(abroad, ", ")+".")
		j.mend("停用这些路由，或先完成出境评估、合同或认证并取得单独同意；hegui 尚不登记这些记录。", "Take these routes away, or complete assessment, contract or certification and separate consent first; hegui does not record them yet.")
	}
	if len(unstated) > 0 {
		j.say(Breach, "路由没有写明运行地："+strings.Join(unstated, "、")+"。", "Routes do not say where they run: "+strings.Join(unstated, ", ")+".")
		j.mend("在模型档案中填写 region。", "Enter region in the dossier.")
	}
	if len(abroad)+len(unstated) == 0 {
		j.sayf(Met, "%d 条路由都声明在境内运行。", "Routes: %d, all declared to run in mainland China.", len(s.routed()))
	}
	if len(vendors) > 0 {
		j.sayf(Notice, "有 %d 家供方；与其签订的委托处理合同不在登记之内，运行地以声明为准。", "Suppliers: %d; contracts with them are not on record, and where they run is as declared.", len(vendors))
		j.mend("请保存与供方的合同，记录至少三年。", "Keep the contracts with suppliers; records stay at least three years.")
	}
	return j.finding()
}
