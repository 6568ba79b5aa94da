// What both sides of a worker know of callers: nothing here runs anything.

/** The key under which the gate writes its assertion in a call's headers. */
export const CALLER_HEADER = 'postern-caller';

/** Who made a call, as the gate verified it. */
export interface VerifiedCaller {
  /** The one name, as in the gate's policy and audit log: `okta/alice@example.com`. */
  name: string;
  kind: 'human' | 'service' | 'agent';
  /** Who acted for the caller, outermost first. */
  actors: string[];
  /** The call: `StartWorkflowExecution`. */
  method: string;
  /** Its id in the gate's audit log. */
  callId: string;
  /** True where the caller started not this workflow but the one that started it. */
  inherited: boolean;
}

/** Where an assertion was found; it proves something there alone. Taken from what the SDK says of the workflow or activity, never from a message. */
export interface CallerBinding {
  namespace: string;
  workflowId?: string | undefined;
  /** Of a standalone activity. */
  activityId?: string | undefined;
  /** A child's parent and root: who started those counts here too. */
  ancestors?: { namespace: string; workflowId: string }[];
  /** When the call happened, in milliseconds: the workflow's start. Not given: now. */
  at?: number;
}

/** The local activity with which workflow code has an assertion verified. */
export interface CallerActivities {
  /** Null: it proves nothing. Throws, and is tried again, where that can't be told. */
  verifyPosternCaller(assertion: string, binding: CallerBinding): Promise<VerifiedCaller | null>;
}
