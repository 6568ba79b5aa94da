import type { VerifiedCaller } from '../caller-assertion/caller.js';
import { activityCaller } from '../caller-assertion/worker.js';

export async function whoAmI(): Promise<VerifiedCaller | null> {
  return activityCaller();
}
