// What an exercise or a prediction is made of stands in one card, across its cells: task, starter, check. And what opens folded
// code can be reached by keyboard and has a name.
export function cards({ INotebookTracker }) {
  return {
    id: 'mlops-workbook-desk:cards',
    autoStart: true,
    requires: [INotebookTracker],
    activate: (app, tracker) => {
      const follow = async panel => {
        await panel.context.ready;
        panel.content.model.cells.changed.connect(() => lay(panel.content.widgets));
        lay(panel.content.widgets);
      };
      tracker.forEach(follow);
      tracker.widgetAdded.connect((_, panel) => follow(panel));
    }
  };
}

function lay(cells) {
  const about = cells.map(({ model }) => model.getMetadata('exercise') ?? model.getMetadata('prediction'));
  cells.forEach((cell, i) => {
    cell.toggleClass('workbook-card', Boolean(about[i]));
    cell.toggleClass('workbook-card-first', Boolean(about[i]) && about[i] !== about[i - 1]);
    cell.toggleClass('workbook-card-last', Boolean(about[i]) && about[i] !== about[i + 1]);
    if (cell.inputHidden) cell.ready.then(() => name(cell));
  });
}

// JupyterLab's placeholder for folded code is something to click, with the first line; no button yet.
function name(cell) {
  const opener = cell.node.querySelector('.jp-InputPlaceholder .jp-Placeholder-content');
  if (!opener || opener.role === 'button') return;
  Object.assign(opener, { role: 'button', tabIndex: 0, ariaLabel: `Show folded code: ${opener.textContent.trim()}` });
  opener.dataset.lmSuppressShortcuts = 'true'; // Enter opens it and does not edit the cell
  opener.addEventListener('keydown', event => {
    if (!['Enter', ' '].includes(event.key)) return;
    event.preventDefault();
    cell.inputHidden = false;
    cell.node.focus();
  });
}
