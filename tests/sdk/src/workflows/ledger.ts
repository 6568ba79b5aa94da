// What the namespace of payroll offers others by Nexus: callers and handlers share this.
import { operation, service } from 'nexus-rpc';

export interface Entry {
  id: string;
}

export const ledgerService = service('ledger', {
  quote: operation<Entry, string>(),
  book: operation<Entry, string>(),
});
