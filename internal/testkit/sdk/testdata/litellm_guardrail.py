# Drives hegui's detached mode with LiteLLM's own client of its generic guardrail API. Prints what the guardrail lets through.
import asyncio, json, os
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api.generic_guardrail_api import GenericGuardrailAPI
from litellm.exceptions import GuardrailRaisedException

demo = json.loads(os.environ["HEGUI_DEMO"])
guard = GenericGuardrailAPI(api_base=demo["gateway"].rstrip("/") + "/v1/hegui/adapters/litellm", api_key=demo["key"],
                            guardrail_name="hegui", event_hook="pre_call", default_on=True)
bad = GenericGuardrailAPI(api_base=demo["gateway"].rstrip("/") + "/v1/hegui/adapters/litellm", api_key="hg-none",
                          guardrail_name="hegui", event_hook="pre_call", default_on=True)


async def ask(using, kind, *texts):
    data = {"metadata": {"user_api_key_end_user_id": demo["user"]}}
    try:
        got = await using.apply_guardrail(inputs={"texts": list(texts)}, request_data=data, input_type=kind)
        return {"texts": got["texts"]}
    except GuardrailRaisedException as e:
        return {"blocked": str(e)}
    except Exception as e:
        return {"failed": str(e)}


async def main():
    harm = os.environ["HEGUI_HARM"]
    print(json.dumps({
        "clean": await ask(guard, "request", "今天天气很好"),
        "masked": await ask(guard, "request", "a", "13812345678"),
        "harm": await ask(guard, "request", harm),
        "answer": await ask(guard, "response", "前面没事。" + harm),
        "stranger": await ask(bad, "request", "hi"),
    }, ensure_ascii=False))


asyncio.run(main())
