// Beside each exercise's check: the next hint and a solution, one click away. The cell's kernel says them; they are shown below
// the cell and are no part of the notebook, so nothing of them is saved.
const OUTPUTS = new Set(['stream', 'display_data', 'error']);

export function help({ INotebookTracker }, { OutputAreaModel, SimplifiedOutputArea }, { Panel, Widget }) {
  const furnished = new WeakSet();

  function furnish(panel) {
    for (const cell of panel.content.widgets) {
      const exercise = checked(cell.model);
      if (!exercise || furnished.has(cell)) continue;
      furnished.add(cell);
      cell.ready.then(() => {
        const whole = bar(panel, exercise);
        cell.layout.addWidget(whole);
        const mark = outputs => { whole.node.dataset.verdict = verdict(outputs.toJSON(), exercise); };
        cell.model.outputs.changed.connect(mark);
        mark(cell.model.outputs);
      });
    }
  }

  function bar(panel, exercise) {
    const whole = new Panel();
    whole.addClass('workbook-help');
    const buttons = new Widget();
    const area = new SimplifiedOutputArea({
      model: new OutputAreaModel({ trusted: true }),
      rendermime: panel.content.rendermime
    });
    area.node.setAttribute('aria-live', 'polite');
    buttons.node.setAttribute('role', 'group');
    buttons.node.setAttribute('aria-label', `Help with exercise ${exercise}`);
    buttons.node.dataset.lmSuppressShortcuts = 'true'; // Enter presses a button and does not edit the cell
    const button = (label, name, press) => {
      const node = document.createElement('button');
      Object.assign(node, { type: 'button', textContent: label, ariaLabel: name, onclick: press });
      buttons.node.append(node);
      return node;
    };
    const hint = button('Hint', `Hint for exercise ${exercise}`, () => ask('hint'));
    hint.dataset.help = 'hint';
    button('Solution', `Solution of exercise ${exercise}`, () => ask('solution'));
    const hide = button('Hide', `Hide the help with exercise ${exercise}`, () => {
      area.model.clear();
      hint.focus();
    });
    hide.hidden = true;
    area.model.changed.connect(model => { hide.hidden = !model.length; });
    whole.addWidget(buttons);
    whole.addWidget(area);

    let asking = false; // a second click while the first waits would skip a hint
    async function ask(what) {
      if (asking) return;
      asking = true;
      if (panel.sessionContext.kernelDisplayStatus !== 'idle') show('The kernel is starting or busy: this comes when it is free.');
      try {
        await panel.sessionContext.ready;
        // exec binds nothing in the learner's notebook, and no history counts no cell
        const code = `exec('from helpers import lesson; lesson.${what}("${exercise}")', {})`;
        const answer = panel.sessionContext.session.kernel.requestExecute({ code, store_history: false, stop_on_error: false });
        area.model.clear(true); // by the first thing the kernel says
        answer.onIOPub = ({ header, content }) => {
          if (OUTPUTS.has(header.msg_type)) area.model.add({ ...content, output_type: header.msg_type });
        };
        await answer.done;
      } catch {
        show('The kernel was stopped or is not there: choose Kernel > Restart Kernel…, then click again.');
      } finally {
        asking = false;
      }
    }
    const show = text => area.model.fromJSON([{ output_type: 'stream', name: 'stdout', text }]);
    return whole;
  }

  return {
    id: 'mlops-workbook-desk:help',
    autoStart: true,
    requires: [INotebookTracker],
    activate: (app, tracker) => {
      const follow = async panel => {
        await panel.context.ready;
        panel.content.model.cells.changed.connect(() => furnish(panel));
        furnish(panel);
      };
      tracker.forEach(follow);
      tracker.widgetAdded.connect((_, panel) => follow(panel));
    }
  };
}

// The exercise that a cell checks, such as "2.2a".
function checked(model) {
  const exercise = model.getMetadata('exercise');
  return /^\d+\.\d+[a-z]$/.test(exercise) && model.sharedModel.getSource().includes('lesson.check(') ? exercise : '';
}

// What the check says: "right", "wrong", or nothing of the two. As helpers/exercises/view.py shows it.
function verdict(outputs, exercise) {
  const firsts = outputs.map(output => [output.data?.['text/plain'] ?? ''].flat().join('').split('\n')[0]);
  if (firsts.includes(`✓ Right · ${exercise}`)) return 'right';
  return firsts.includes(`✗ Not yet · ${exercise}`) ? 'wrong' : '';
}
