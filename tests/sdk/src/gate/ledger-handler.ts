import { startWorkflow, WorkflowRunOperationHandler } from '@temporalio/nexus';
import { HandlerError, serviceHandler } from 'nexus-rpc';
import { type Entry, ledgerService } from '../workflows/ledger.js';

/** The ledger's handlers: one answers at once, behind the other stands a workflow. */
export const ledgerHandler = serviceHandler(ledgerService, {
  quote: async (_context, entry) => {
    if (entry.id === 'bad') {
      throw new HandlerError('BAD_REQUEST', 'bad entry');
    }

    return `quote ${entry.id}`;
  },
  book: new WorkflowRunOperationHandler<Entry, string>(
    async (context, entry) => await startWorkflow(context, 'Book', { args: [entry.id], workflowId: `book-${context.requestId}` }),
  ),
});
