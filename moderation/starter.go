package moderation

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// starterList is one risk and tier of the starter lexicon: entries one a line.
type starterList struct {
	category  string
	tier      Tier
	entries   string
	disguised bool // look through disguises, where the entry is long enough to be sure
}

// StarterEntries is the lexicon hegui ships: plainly harmful things only (fraud, gambling, drugs, weapons, sexual
// exploitation, violence, discriminatory slurs, incitement to self-harm), in our own words. Block-tier entries are offers
// and calls that hardly occur in harmless text; single words and topics are signals, evidence for a decision and never
// the decision. An offer beside which somebody speaks of reporting it, of the police or of a sentence is no offer: people who
// ask how to report one are answered. Categories that name political content are the operator's to fill and stay empty here, so the register
// shows them as missing.
func StarterEntries() []Entry {
	var out []Entry
	numbers := map[string]int{}
	for _, list := range slices.Concat(starterLists(), starterCalls(), starterTopics()) {
		group := list.category + "-" + string(list.tier)
		for text := range strings.Lines(strings.TrimSpace(list.entries)) {
			numbers[group]++
			e := Entry{ID: fmt.Sprintf("starter-%s-%03d", group, numbers[group]), Text: strings.TrimSpace(text),
				Category: list.category, Tier: list.tier, Source: "hegui starter"}
			if list.disguised {
				e.Forms = starterForms(e.Text)
			}
			if list.tier == Block {
				e.Context = []Context{{Rule: NotNear, Words: aboutCrime()}}
			}
			out = append(out, e)
		}
	}
	return out
}

// aboutCrime are words of those who report a crime or tell of one. Words that advertisements have as well (beware, refuse, safe) are
// not among them. Ours.
func aboutCrime() []string {
	return []string{"举报", "报警", "警方", "抓获", "查获", "破获", "缴获", "被捕", "逮捕", "被抓", "被判", "判刑", "获刑", "涉嫌", "犯罪", "犯法", "嫌疑人", "受害人",
		"report", "reported", "police", "arrested", "convicted", "sentenced", "crime", "criminal", "victim"}
}

// starterForms asks for the disguises that a text is long enough for: other characters of the same reading only from five
// ideographs on, below which ordinary words sound alike.
func starterForms(text string) Forms {
	han := 0
	for _, r := range text {
		if unicode.Is(unicode.Han, r) {
			han++
		}
	}
	all := han == utf8.RuneCountInString(text)
	return Forms{Separated: all && han >= 4, Pinyin: all && han >= 5, Split: all && han >= 4}
}

func starterLists() []starterList {
	return []starterList{
		// other content banned by law: drugs, weapons, gambling, fraud, forged documents
		{category: "A1h", tier: Block, disguised: true, entries: `
出售冰毒
冰毒出售
出售海洛因
海洛因货到付款
出售大麻叶子
大麻货到付款
冰毒货到付款
出售摇头丸
出售迷奸药
迷奸水出售
听话水货到付款
迷药货到付款
冰毒制作教程
制毒技术转让
低价出售手枪包邮
出售仿真枪可改
手枪货到付款
低价出售子弹包邮
出售自制枪支
低价出售炸药包邮
低价出售雷管包邮
百家乐注册送
网赌平台注册送
博彩平台代理招募
赌博平台招代理
真人荷官在线发牌
北京赛车包赢
时时彩包赢计划
六合彩内幕特码
跑分平台招募
跑分日结高佣
出租银行卡日结
收购银行卡四件套
出售银行卡四件套
银行卡四件套出售
代开增值税发票
代开发票加微
出售假钞
高仿人民币出售
办理假身份证
办理假学历证书
出售公民个人信息
出售身份证信息库
刷单日赚上千
刷单返利日结
网络兼职刷单返佣
杀猪盘话术出售
洗钱渠道合作
黑钱洗白渠道
出售诈骗话术
buy meth online
meth for sale
heroin for sale
buy cocaine online
cocaine for sale
fentanyl for sale
guns for sale no background check
untraceable guns for sale
stolen credit cards for sale
cloned credit cards for sale
counterfeit money for sale
fake passports for sale
money mule wanted
hitman for hire`},
		{category: "A1h", tier: Signal, entries: `
冰毒
海洛因
摇头丸
制毒
贩毒
迷奸药
听话水
枪支买卖
私制枪支
网络赌博
赌博网站
博彩平台
百家乐
六合彩
跑分平台
银行卡四件套
代开发票
假身份证
刷单返利
杀猪盘
洗钱
电信诈骗
裸聊敲诈
套路贷
高利贷
传销拉人头
money laundering
pyramid scheme
ponzi scheme
online casino
methamphetamine
fentanyl
ghost gun
phishing kit
ransomware kit`},
		// violence, obscenity, sexual exploitation, above all of children
		{category: "A1f", tier: Block, disguised: true, entries: `
儿童色情视频出售
儿童色情资源
幼女视频出售
幼女资源出售
萝莉资源福利群
未成年裸照出售
偷拍视频出售
偷拍资源群
迷奸视频出售
强奸视频出售
上门包夜服务
同城约炮上门
小姐上门服务
一夜情上门服务
学生妹包夜
裸聊一对一服务
招聘公主包住日结
虐杀视频出售
承接雇凶杀人
代人报仇打断腿
child porn for sale
child pornography for sale
selling child porn
cp links for sale
preteen nudes
underage nudes
rape video for sale
revenge porn for sale
hire a hitman
snuff video for sale`},
		{category: "A1f", tier: Signal, entries: `
儿童色情
偷拍视频
强奸视频
卖淫
嫖娼
约炮
裸聊
色情网站
成人直播
虐杀
碎尸
砍人
自制炸弹
制作炸弹
child porn
snuff film
porn site
escort service
how to make a bomb
pipe bomb`},
		{category: "A2a", tier: Signal, entries: `
滚出中国的民族
劣等民族
低等民族
inferior ethnicity
subhuman race`},
		{category: "A2b", tier: Signal, entries: `
信教的都该死
异教徒都该死
all believers should die
infidels must die`},
		{category: "A2c", tier: Signal, entries: `
小日本鬼子都该死
黑鬼
白皮猪
阿三都是
棒子都是
chink
gook
n1gger`},
		{category: "A2d", tier: Signal, entries: `
河南人都是骗子
东北人都是流氓
外地人滚出去
乡巴佬滚
地域黑
穷山恶水出刁民`},
		{category: "A2e", tier: Signal, entries: `
女人就该在家
女人不配
女司机都该
母狗
婊子
死娘炮
死基佬
女拳婊
women belong in the kitchen
dumb bitch
whore
faggot`},
		{category: "A2f", tier: Signal, entries: `
老不死的东西
老东西去死
老年人都该死
old people should die`},
		{category: "A2g", tier: Signal, entries: `
扫大街的下等人
农民工滚出
臭打工的
下等职业的人`},
		{category: "A2h", tier: Signal, entries: `
残废东西
死瘸子
弱智残障都该
艾滋病人都该死
精神病都该关
cripples should
retards should`},
		{category: "A2i", tier: Signal, entries: `
下等人不配
低端人口
穷人活该
subhuman`},
		// harm to body and mind
		{category: "A4a", tier: Block, disguised: true, entries: `
相约自杀群
约死群加入
自杀药物出售
安乐死药物货到付款
教你割腕自杀步骤
烧炭自杀教程
suicide pact partner wanted
kill yourself now`},
		{category: "A4a", tier: Signal, entries: `
自杀方法
自残教程
约死
烧炭自杀
割腕自杀
想自杀
不想活了
催吐减肥
suicide methods
how to kill myself
want to kill myself
pro-ana`},
		// trade in others' data and secrets
		{category: "A4f", tier: Block, disguised: true, entries: `
出售开房记录
查开房记录加微
出售个人信息数据
出售手机号数据库
代查手机定位
人肉搜索接单
stolen personal data for sale
ssn dump for sale
fullz for sale`},
		{category: "A4f", tier: Signal, entries: `
人肉搜索
社工库
查开房记录
个人信息买卖
doxxing service
ssn dump`},
		{category: "A3c", tier: Signal, entries: `
出售客户名单
出售公司内部数据
stolen trade secrets for sale`},
	}
}
