import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './processes.js';

/** A line of the audit file (docs/audit.md), as far as it is read here. */
export interface AuditRecord {
  event: 'intent' | 'call' | 'gap';
  time: string;
  id: string;
  caller?: string;
  kind?: string;
  operation: string;
  permission?: string;
  namespace?: string;
  taskQueue?: string;
  workflowId?: string;
  workflowType?: string;
  runId?: string;
  /** Of a Prefect server: the flow run that a call is about. */
  flowRunId?: string;
  decision: string;
  rule?: string;
  policyVersion?: string;
  refusal?: string;
  detail?: string;
  status?: number;
}

export function readAudit(folder: string): AuditRecord[] {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as AuditRecord);
}

/** The last finished call that fits. Reads are written within a second, so it waits a little. */
export async function findCall(folder: string, what: string, fits: (record: AuditRecord) => boolean): Promise<AuditRecord> {
  return await until(`an audit record of ${what}`, 5_000, () => readAudit(folder).findLast((record) => record.event === 'call' && fits(record)));
}
