package moderation

// starterCalls are offers and calls, all at block. Disguised lists are those whose authors are known to hide what they
// write.
func starterCalls() []starterList {
	return []starterList{
		// drugs and weapons
		{category: "A1h", tier: Block, disguised: true, entries: `
长期供应冰毒
冰毒同城送货
低价出售冰毒
诚信出售冰毒
麻古货到付款
出售氯胺酮
K粉货到付款
出售可卡因
可卡因货到付款
出售罂粟种子包种植
出售上头电子烟油
上头烟油货到付款
依托咪酯烟油出售
大麻烟油出售
大麻飞行员进群
出售飞行燃料叶子
出售笑气同城配送
笑气充气瓶同城速送
出售吸毒工具冰壶
溜冰工具出售
招运毒司机高薪
带货过境高薪招人体藏毒
制冰配方出售
冰毒配方转让
合成大麻素原料出售
麻黄碱提炼技术转让
出售三唑仑
三唑仑货到付款
出售蒙汗药
乖乖水货到付款
乖乖水出售
迷情药水出售
听话水出售
失忆水出售
催情迷药货到付款
迷魂烟货到付款
气枪货到付款
猎枪货到付款
出售霰弹枪
出售火药枪
枪支散件出售
枪管毛坯出售
出售钢珠手枪
秃鹰气枪出售
快排气枪出售
枪支图纸出售
出售军用手雷
手榴弹货到付款
出售自制炸弹
土制炸弹教程
遥控炸弹出售
硝铵炸药出售
黑火药配方出售
弩箭毒针出售
出售军用弩
弓弩货到付款
出售电击枪防身
电棍货到付款
出售氰化物
氰化钾货到付款
剧毒农药出售不留痕迹
猎枪出售加微信
气枪出售加微信
子弹出售加微信
手枪出售加微信
海洛因出售加微信
摇头丸出售加微信
麻古出售加微信
氯胺酮出售加微信
迷药出售加微信
炸药出售加微信`},
		// gambling
		{category: "A1h", tier: Block, disguised: true, entries: `
澳门赌场线上开户
网上真人百家乐开户
百家乐代理招商
百家乐稳赢打法
首存送彩金注册
注册就送彩金
注册送体验金无需充值
彩金秒到账无限提款
棋牌平台代理高返水
棋牌上分客服微信
上分下分二十四小时
捕鱼上分微信
六合彩一肖中特
六合彩特码资料
六合彩包中
香港六合彩内部资料
时时彩带玩计划群
北京赛车计划群
飞艇计划群稳赚
导师带赚彩票群
彩票内部数据稳赚
跟单导师稳赚不赔
体育投注平台开户
赌球平台代理
赌球稳赢推荐
世界杯外围投注
外围赌球开户
赌场叠码仔招聘
境外赌场高薪招聘荷官
赌博网站搭建出租
博彩源码出售
菠菜平台源码出租
菠菜推广日结
红包扫雷群拉人
德州扑克现金局组局
炸金花上分群
牛牛房卡代理
麻将赌博机器人出售
出千牌具出售
透视扑克牌眼镜出售
老虎机上分器出售`},
		// fraud, money laundering, forged papers, intrusion
		{category: "A1h", tier: Block, disguised: true, entries: `
刷单任务日结三百
点赞关注日赚五百
垫付返佣任务群
充值返利做任务
高薪招聘打字员日结五百
海外高薪客服包机票包吃住
缅北高薪招聘
东南亚高薪推广员包接
收购微信实名号
收购实名电话卡
收卡收号高价日结
出租微信号日结
出租支付宝账户日结
出租对公账户
收购对公账户四件套
对公账户出售
银行卡高价回收
出售实名手机卡
多卡宝猫池合作
架设简易组网设备日结
跑分车队招人
码商招募日入过千
码接回U商日结
代收代付黑资金
承接洗钱业务
虚拟币洗钱通道
黑U换现金
冻结卡代解冻付费
代办信用卡包过无视黑户
黑户贷款百分百下款
无视征信秒下款
强开花呗套现
花呗套现秒到
信用卡代还套现
信用卡提额黑科技包过
空壳公司代注册走账
代开发票全国可开
各类发票代开验证后付款
出售增值税专用发票
医疗票餐饮票代开
假币货到付款
出售高仿真钞
高仿钞票批发
办证刻章加微
代办毕业证学位证
学历证书可查包过
办理假结婚证
办理假房产证
办理假驾驶证
出售假护照
代办签证材料造假
高考答案提前出售
考前答案包过付款
四六级答案考前群
考研真题泄露出售
替考枪手联系
驾照不考试直接拿证
驾驶证代扣分买分
车辆套牌制作
出售伪基站设备
短信群发黑灰产
出售微信盗号木马
微信号盗取接单
定位查人聊天记录恢复接单
远程控制手机木马出售
勒索病毒源码出售
接单攻击网站
出售肉鸡服务器
流量攻击接单
企业数据库脱库出售
爬取个人信息接单
杀猪盘源码出售
杀猪盘引流合作
荐股诈骗引流粉
出售股民电话资料
冒充公检法话术
诈骗剧本出售
人体器官买卖联系
高价收购肾源
卖肾联系方式
代孕包男孩套餐
代孕包成功包性别
代孕中介招聘代妈
供卵高薪招聘女大学生
胎儿性别鉴定寄血
婴儿送养有偿
收养婴儿付费联系
出售出生证明
偷渡安排包到
蛇头偷渡路线联系
走私香烟批发
走私车低价出售
出售穿山甲活体
象牙制品货到付款
虎骨酒出售
犀牛角出售
盗墓出土文物出售`},
		{category: "A1h", tier: Block, entries: `
buy heroin online
buy fentanyl online
crystal meth for sale
mdma pills for sale
ketamine for sale no prescription
xanax for sale no prescription
oxycontin for sale no prescription
counterfeit pills for sale
cocaine delivered to your door
date rape drug for sale
ghost guns for sale
glock switch for sale
silencers for sale no license
explosives for sale
pipe bombs for sale
fake id for sale
fake diplomas for sale
fake driver license for sale
undetectable counterfeit bills
cloned cards with pin
cvv dumps for sale
bank logs for sale
paypal accounts for sale hacked
hacked accounts for sale
ransomware for sale
botnet for rent
ddos for hire
stalkerware for sale
money mules needed
bank drops wanted
dirty money cleaning service
kidney for sale contact
babies for sale
smuggling across the border guaranteed
ivory for sale discreet
rhino horn for sale
no deposit casino bonus sign up now
guaranteed fixed matches for sale
hacker for hire cheap`},
		// sexual exploitation, prostitution, violence for pay
		{category: "A1f", tier: Block, disguised: true, entries: `
幼女视频群
幼女资源打包
儿童色情打包出售
儿童裸照出售
未成年色情资源群
萝莉视频打包
萝莉资源网盘
初中生裸照出售
小学生福利视频出售
正太资源群
炼铜资源出售
铜网盘资源打包
出售针孔摄像头偷拍
酒店偷拍视频群
厕所偷拍视频出售
更衣室偷拍资源
摄像头破解账号出售
家庭摄像头偷看群
裙底偷拍资源
迷奸视频群
迷奸资源打包
强奸视频资源
乱伦视频资源
兽交视频出售
换妻俱乐部招募
同城换妻群
同城上门服务女
学生妹上门服务
外围女上门预约
外围模特预约
外围经纪人招聘
高端外围同城可约
包夜快餐价格表
全套服务上门可飞
大保健全套上门
楼凤信息分享
楼凤资源群
莞式服务上门
品茶上课喝茶资源
同城喝茶工作室
新茶嫩茶海选
裸聊加微信
裸聊直播间入口
一对一裸聊收费
裸贷资源出售
裸条照片出售
原味内衣出售学生
成人视频网盘资源
无码资源网盘群
福利姬资源打包
AI脱衣服务接单
一键脱衣软件下载
明星换脸色情视频出售
女友裸照换资源
前女友视频泄愤出售
出售女教师私密视频
招聘陪酒公主日结
夜场模特包住高薪
援交女大学生
援交价格联系
包养女学生联系
有偿约炮联系
找人打断他的腿
雇人打架联系
雇打手联系
专业打手上门
职业杀手接单
买凶杀人价格
找杀手联系方式
泼硫酸报复接单
代人报仇接单
暴力讨债接单
虐猫视频出售
虐猫视频定制
虐待动物视频定制
踩踏虐杀视频群
真实杀人视频出售
血腥视频资源群`},
		{category: "A1f", tier: Block, entries: `
child porn collection
child sex videos for sale
underage porn for sale
underage sex for money
teen girls under 15 for sex
lolita porn
loli porn links
jailbait pics
pedo links
pedo group join
hidden cam videos for sale
upskirt videos for sale
deepfake porn made to order
undress app for your classmates
leaked nudes of your ex
full service escort outcall
buy rape videos
gore videos of real murder
animal crush videos`},
		// self-harm, other people's data
		{category: "A4a", tier: Block, disguised: true, entries: `
一起自杀找伴
自杀群加入
自杀互助约死
一起烧炭约伴
相约跳楼找人
约伴跳江一起走
无痛自杀药出售
自杀套餐出售
安乐死药物购买渠道
自杀方法大全下载
自残打卡群
割腕打卡挑战
蓝鲸游戏招募
催吐管出售包教
兔群催吐交流进群
厌食打卡群
快去自杀吧你`},
		{category: "A4a", tier: Block, entries: `
join our suicide group
looking for a suicide partner
suicide kit for sale
go kill yourself
just kill yourself already
you should kill yourself
pro ana group join
cutting challenge join`},
		{category: "A4f", tier: Block, disguised: true, entries: `
代查开房记录
代查通话记录
代查身份证户籍
代查个人征信
代查银行流水
查手机号机主信息接单
查微信实名信息接单
手机定位找人接单
车辆轨迹查询接单
出售学生信息名单
出售业主信息名单
出售车主信息数据
出售贷款客户信息
出售老年人电话资料
出售快递面单信息
出售人脸数据过认证
过人脸认证接单
社工库查询接单
人肉开盒接单
开盒挂人接单`},
		{category: "A4f", tier: Block, entries: `
doxxing for hire
buy social security numbers
leaked database for sale
passport scans for sale
phone location lookup for hire`},
		{category: "A3c", tier: Block, entries: `
出售竞争对手报价单
内部图纸有偿泄露
收购竞品内部资料
离职员工带源码出售`},
	}
}
