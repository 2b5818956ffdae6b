// The start page as a tab, and the lessons' titles on theirs, which the page knows.
const EVERY = 2000; // milliseconds between two looks at the progress, while the page is seen
const NARROW = 1000; // pixels: below, the file browser would leave too little room to read in
const known = new Map(); // titles of lessons by the path of their copy

export function startPage({ Widget }, { PageConfig }) {
  return {
    id: 'mlops-workbook-desk:start',
    autoStart: true,
    activate: app => {
      let page;
      app.commands.addCommand('workbook:start', {
        label: 'Workbook: lessons and progress',
        execute: ({ activate = true } = {}) => {
          if (!page || page.isDisposed) page = make(app, Widget, PageConfig.getBaseUrl());
          if (!page.isAttached) app.shell.add(page, 'main', { rank: 0, activate: false });
          if (activate) app.shell.activateById(page.id);
        }
      });
      app.restored.then(() => {
        if (window.innerWidth < NARROW) app.shell.collapseLeft();
        app.commands.execute('workbook:start', { activate: !PageConfig.getOption('treePath') });
      });
    }
  };
}

function make(app, Widget, base) {
  const page = new Widget();
  page.id = 'workbook-start';
  page.title.label = 'Start';
  page.title.caption = 'MLOps Workbook: lessons and progress';
  page.title.closable = true;
  page.addClass('workbook-start');
  page.node.tabIndex = 0;
  const body = document.createElement('div');
  page.node.append(body);
  let shown = '';

  const look = async () => {
    const answer = await fetch(`${base}workbook/start`, { cache: 'no-cache' });
    const text = await answer.text();
    if (!answer.ok || answer.redirected) throw new Error(answer.redirected ? 'log in again' : answer.statusText);
    if (text === shown) return;
    const open = [...body.querySelectorAll('details[open] > ul')].map(list => list.textContent);
    const focused = key(document.activeElement);
    body.innerHTML = shown = text;
    for (const list of body.querySelectorAll('details > ul')) list.parentNode.open = open.includes(list.textContent);
    if (focused) [...body.querySelectorAll('a, summary')].find(node => key(node) === focused)?.focus();
    for (const link of body.querySelectorAll('th a[data-path]')) known.set(link.dataset.path, link.textContent);
    // a tab's data is drawn with its title; the title itself would rename the file
    for (const tab of app.shell.widgets('main')) if (titleOf(tab)) tab.title.dataset = { ...tab.title.dataset, workbook: '' };
  };
  const timer = setInterval(() => page.isVisible && !document.hidden && look().catch(() => {}), EVERY); // a server that is away comes back
  page.disposed.connect(() => clearInterval(timer));
  page.node.addEventListener('click', event => {
    const link = event.target.closest('a');
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open(app, link.closest('[data-path]').dataset.path, link.dataset.exercise);
  });
  look().catch(error => { body.textContent = `The start page can't be shown: ${error}`; });
  return page;
}

// What a link or an opener is about, which stays when the page is drawn anew.
const key = node => node?.closest?.('.workbook-page') && `${node.tagName} ${node.closest('[data-path]')?.dataset.path} ${node.dataset.exercise}`;

async function open(app, path, exercise) {
  const panel = await app.commands.execute('docmanager:open', { path });
  if (!exercise || !panel) return;
  await panel.revealed;
  const at = panel.content.widgets.findIndex(cell => cell.model.getMetadata('exercise') === exercise); // its first: task or starter
  if (at < 0) return;
  panel.content.activeCellIndex = at; // which opens a folded section that it lies in
  await panel.content.scrollToItem(at, 'start');
  panel.content.activeCell.node.focus();
}

const titleOf = tab => known.get(tab?.context?.path);

export function titles({ TabBarSvg }) {
  return {
    id: 'mlops-workbook-desk:titles',
    autoStart: true,
    activate: () => {
      const renderer = TabBarSvg.defaultRenderer;
      const draw = renderer.renderLabel;
      renderer.renderLabel = data => {
        const title = titleOf(data.title.owner);
        return draw.call(renderer, title ? { ...data, title: { label: title } } : data);
      };
    }
  };
}
