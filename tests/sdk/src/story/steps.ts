/** The demo's voice: each step as it happens, and whether it did what it should. */
export class Steps {
  #number = 0;
  readonly failed: string[] = [];

  async play(title: string, act: (told: Told) => Promise<void>): Promise<void> {
    console.log(`\n${bold(`${++this.#number}. ${title}`)}`);
    try {
      await act(new Told());
      console.log(`   ${green('✓')}`);
    } catch (e) {
      this.failed.push(title);
      console.log(`   ${red('✗ this did not do what it should:')} ${e instanceof Error ? e.message : String(e)}`);
    }
  }
}

/** Lines under a step. */
export class Told {
  who(text: string): void {
    this.#line('who', text);
  }

  asked(text: string): void {
    this.#line('asked', text);
  }

  answer(text: string): void {
    this.#line('answer', text);
  }

  /** The words that the SDK shows, exactly. */
  error(text: string): void {
    this.#line('SDK says', red(text));
  }

  decision(record: { decision: string; rule?: string; permission?: string; id: string }): void {
    const verdict = record.decision === 'allow' ? green('allow') : red(record.decision);
    this.#line('decision', `${[verdict, record.permission].filter(Boolean).join(' ')}, ${record.rule === undefined ? 'before any rule' : `rule ${record.rule}`}, call ${record.id}`);
  }

  note(text: string): void {
    this.#line('', dim(text));
  }

  #line(label: string, text: string): void {
    console.log(`   ${dim(label.padEnd(9))} ${text.replaceAll('\n', `\n${' '.repeat(13)}`)}`);
  }
}

export function check(holds: boolean, what: string): void {
  if (!holds) {
    throw new Error(what);
  }
}

const colored = process.stdout.isTTY && !process.env['NO_COLOR'];
const paint = (code: number) => (text: string) => (colored ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint(1);
export const dim = paint(2);
const red = paint(31);
const green = paint(32);
