import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Addresses } from '../gate/processes.js';
import { bold } from './steps.js';

/** Words for who has seen the story and wants to do it by hand. */
export function whatToTry(at: Addresses, workflowId: string): string {
  return `
${bold('It stays up. Try it yourself:')}

  A token, good for an hour; for a person, with a program in the browser's place, or for an account:
    TOKEN=$(node ${relative('.', fileURLToPath(new URL('./login.js', import.meta.url)))} ${at.issuer} alice@example.com)
    TOKEN=$(curl -s -u payments-worker:payments-worker-secret -d grant_type=client_credentials ${at.issuer}/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

  TypeScript (an API key switches TLS on, and this is clear text on loopback):
    const connection = await Connection.connect({ address: '${at.gate}', apiKey: process.env.TOKEN, tls: false });
    const client = new Client({ connection, namespace: 'payments' });
  Python:
    client = await Client.connect("${at.gate}", namespace="payments", api_key=os.environ["TOKEN"], tls=False)

  Temporal's command line; with the account's token the second is refused, since a worker may not start:
    temporal workflow describe --address ${at.gate} --namespace payments --tls=false --api-key "$TOKEN" --workflow-id ${workflowId}
    temporal workflow start    --address ${at.gate} --namespace payments --tls=false --api-key "$TOKEN" --type Refund --task-queue payments --input '"order-1"' --input 100

  Prefect's command line, workers and flows; the password is a token or a key, the user part is free:
    export PREFECT_API_URL=${at.prefect} PREFECT_API_AUTH_STRING="any:$TOKEN"
    prefect work-pool ls
    prefect deployment run refund/nightly

  A login in the browser, by any OpenID client:
    issuer ${at.issuer}, client postern-demo, redirect http://127.0.0.1:<any port>/callback, PKCE

  Accounts of the gate's own, as carol of the group platform:
    export POSTERN_TOKEN=$(node ${relative('.', fileURLToPath(new URL('./login.js', import.meta.url)))} ${at.issuer} carol@example.com)
    artifacts/bin/Postern/release/postern account list --admin ${at.admin}
    artifacts/bin/Postern/release/postern key create refund-worker --admin ${at.admin}

  Health and metrics:
    curl -s ${at.admin}/readyz
    curl -s ${at.admin}/metrics

  Files to edit; what is saved is in force:
    ${relative('.', at.policy)}    who may do what
    ${relative('.', at.data)}/postern-dev.yaml    users, groups, accounts
  And to read:
    ${relative('.', at.config)}    the gate's configuration
    ${relative('.', at.audit)}/    one line per call

  The worker goes on polling, so what you start gets done. Ctrl+C ends everything.
`;
}
