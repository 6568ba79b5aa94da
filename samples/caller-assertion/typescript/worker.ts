// For the worker's process: verifies assertions, for workflow code (as a local activity) and for activity code (as an interceptor).
//
//   const callers = new CallerVerifier({ keySet: 'http://postern:7238/caller' });
//   await Worker.create({
//     activities: { ...activities, ...callers.activities },
//     interceptors: { workflowModules: [require.resolve('./workflow-interceptors')], activity: [callers.activityInterceptors] },
//     …
//   });
import { AsyncLocalStorage } from 'node:async_hooks';
import { Context } from '@temporalio/activity';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { CALLER_HEADER, type CallerActivities, type CallerBinding, type VerifiedCaller } from './caller.js';

const current = new AsyncLocalStorage<VerifiedCaller | null>();

/** In an activity: who started its workflow; null where nobody is proven. */
export function activityCaller(): VerifiedCaller | null {
  return current.getStore() ?? null;
}

export class CallerVerifier {
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;
  readonly #issuer: string | undefined;

  /** `issuer` is `postern/` and the engine's name, where one gate serves several engines. */
  constructor(options: { keySet: string; issuer?: string }) {
    // Keeps the set, and fetches it again for a key that it lacks, at most every ten seconds.
    this.#keys = createRemoteJWKSet(new URL(options.keySet), { cacheMaxAge: Infinity, cooldownDuration: 10_000 });
    this.#issuer = options.issuer;
  }

  readonly activities: CallerActivities = {
    verifyPosternCaller: async (assertion, binding) => await this.verify(assertion, binding),
  };

  readonly activityInterceptors: ActivityInterceptorsFactory = (context: Context) => ({
    inbound: {
      execute: async (input, next) => {
        const assertion = assertionIn(input.headers);
        const { namespace, workflowExecution, activityId } = context.info;
        const caller = assertion === undefined ? null
          : await this.verify(assertion, { namespace, ...(workflowExecution === undefined ? { activityId } : { workflowId: workflowExecution.workflowId }) });
        return await current.run(caller, async () => await next(input));
      },
    },
  });

  /** Null: the assertion proves nothing here. Throws where the gate's keys can't be had: then nobody knows, and it should be tried again. */
  async verify(assertion: string, binding: CallerBinding): Promise<VerifiedCaller | null> {
    let claims: JWTPayload;
    try {
      const verified = await jwtVerify(assertion, this.#keys, {
        algorithms: ['ES256'],
        typ: 'postern-caller+jwt',
        audience: 'postern-caller',
        requiredClaims: ['sub', 'kind', 'method', 'namespace', 'iat', 'exp', 'jti'],
        // Who started a workflow stays the same for as long as it runs: what counts is when.
        currentDate: new Date(binding.at ?? Date.now()),
        clockTolerance: 60,
        ...(this.#issuer === undefined ? {} : { issuer: this.#issuer }),
      });
      claims = verified.payload;
    } catch (e) {
      if (e instanceof errors.JWTInvalid || e instanceof errors.JWSInvalid || e instanceof errors.JWTExpired || e instanceof errors.JWTClaimValidationFailed
        || e instanceof errors.JWSSignatureVerificationFailed || e instanceof errors.JOSEAlgNotAllowed || e instanceof errors.JOSENotSupported || e instanceof errors.JWKSNoMatchingKey) {
        return null;
      }

      throw e;
    }

    const inherited = whose(claims, binding);
    return inherited === undefined ? null : {
      name: claims.sub!,
      kind: claims['kind'] as VerifiedCaller['kind'],
      actors: actorsOf(claims['act']),
      method: claims['method'] as string,
      callId: claims.jti!,
      inherited,
    };
  }
}

/** The token in a call's headers. Anybody may have written it: it says nothing before it is verified. */
export function assertionIn(headers: Record<string, Payload>): string | undefined {
  const payload = headers[CALLER_HEADER];
  try {
    const value = payload === undefined ? undefined : defaultPayloadConverter.fromPayload<unknown>(payload);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the assertion is of an ancestor (true) or of this very workflow or activity (false); undefined where it is of neither. */
function whose(claims: JWTPayload, binding: CallerBinding): boolean | undefined {
  const { namespace, workflow_id: id, schedule_id: schedule, activity_id: activity } = claims as Record<string, string | undefined>;
  if (id === undefined) {
    return binding.workflowId === undefined && activity !== undefined && activity === binding.activityId && namespace === binding.namespace ? false : undefined;
  }

  // A schedule's workflows are named by the id that it gives and, behind a dash, their time.
  const isOf = (other: { namespace: string; workflowId?: string | undefined }) =>
    other.workflowId !== undefined && other.namespace === namespace && (other.workflowId === id || (schedule !== undefined && other.workflowId.startsWith(`${id}-`)));
  return isOf(binding) ? false : (binding.ancestors ?? []).some(isOf) ? true : undefined;
}

function actorsOf(act: unknown): string[] {
  const actors: string[] = [];
  for (let actor = act as { sub: string; act?: unknown } | undefined; actor !== undefined; actor = actor.act as typeof actor) {
    actors.push(actor.sub);
  }

  return actors;
}
