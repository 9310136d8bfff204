// Cloudflare's own Workflows engine on the workload that the benchmark `edge` gives to ours. `/bench/start`
// makes instances, `/bench/state` says when each has come to its end; an instance returns that moment itself.
import { WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";

const AT_ONCE_MAX = 100; // the most that one call of createBatch takes

export class Steps extends WorkflowEntrypoint {
  async run(event, step) {
    const { steps, sleep_ms: sleepMs } = event.payload;
    for (let number = 0; number < steps; number++) {
      await step.do(`step ${number}`, async () => `hello ${number}`);
    }
    if (sleepMs > 0) await step.sleep("rest", sleepMs);
    return Date.now();
  }
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/health") return new Response("ok");
    const { ids, steps, sleep_ms } = await request.json();
    if (url.pathname === "/bench/start") {
      const started = Date.now();
      for (let index = 0; index < ids.length; index += AT_ONCE_MAX) {
        const some = ids.slice(index, index + AT_ONCE_MAX);
        await this.env.STEPS.createBatch(some.map((id) => ({ id, params: { steps, sleep_ms } })));
      }
      return Response.json({ started });
    }
    const found = await Promise.all(
      ids.map(async (id) => {
        const { status, output } = await (await this.env.STEPS.get(id)).status();
        if (status === "errored") throw new Error(`${id} failed`);
        return status === "complete" ? output : null;
      }),
    );
    return Response.json(found);
  }
}
