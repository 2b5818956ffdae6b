// JupyterLab's side of the learner's desk: the start page as a tab, and pictures with their alternative text.
//
// JupyterLab loads an extension as a module-federation container: an object with init(scope) and get(module). Written by
// hand it needs no build step; what it shares with JupyterLab (widgets, renderers) it takes from that scope.
(() => {
  const NAME = 'mlops-workbook-desk';
  const EVERY = 2000; // milliseconds between two looks at the progress, while the page is seen
  const STYLE = `
    .workbook-start { overflow: auto; background: var(--jp-layout-color1); color: var(--jp-content-font-color1) }
    .workbook-page { max-width: 60rem; margin: 0 auto; padding: 1.5rem; font: 15px/1.55 var(--jp-ui-font-family) }
    .workbook-page h1 { font-size: 1.7rem; margin: 0 0 .6rem } .workbook-page h2 { font-size: 1.2rem; margin: 2rem 0 .3rem }
    .workbook-page a { color: var(--jp-content-link-color); font-weight: 600 }
    .workbook-page a:focus-visible, .workbook-page summary:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 2px }
    .workbook-page code { font-size: .92em; background: var(--jp-layout-color2); padding: 0 .25em }
    .workbook-next { border-left: 4px solid var(--jp-brand-color1); padding: .5rem .9rem; background: var(--jp-layout-color2) }
    .workbook-page table { border-collapse: collapse; width: 100%; table-layout: fixed } .workbook-page th:first-child { width: 58% }
    .workbook-page th, .workbook-page td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0; font-weight: 400;
      border-bottom: 1px solid var(--jp-border-color2) }
    .workbook-page thead th { font-weight: 600 } .workbook-page details { font-size: .92em }
    .workbook-page progress { width: 16rem; height: .7rem; accent-color: var(--jp-brand-color1); vertical-align: middle }
    .workbook-marks { white-space: nowrap } .workbook-marks span[title] { margin-right: .2em }`;

  let scope;
  const shared = async name => {
    const versions = Object.values(scope[name] ?? {});
    if (!versions.length) throw new Error(`${NAME}: JupyterLab does not share ${name}`);
    return (await versions[0].get())();
  };

  function startPage(app, { Widget }, { PageConfig }) {
    const page = new Widget();
    page.id = 'workbook-start';
    page.title.label = 'Start';
    page.title.caption = 'MLOps Workbook: lessons and progress';
    page.title.closable = true;
    page.addClass('workbook-start');
    page.node.tabIndex = 0;
    const style = document.createElement('style');
    style.textContent = STYLE;
    const body = document.createElement('div');
    page.node.append(style, body);
    let shown = '';

    const look = async () => {
      const answer = await fetch(`${PageConfig.getBaseUrl()}workbook/start`, { cache: 'no-cache' });
      const text = await answer.text();
      if (answer.ok && text !== shown) {
        const open = [...body.querySelectorAll('details[open] > ul')].map(list => list.textContent);
        const focused = document.activeElement?.dataset?.path;
        body.innerHTML = shown = text;
        for (const list of body.querySelectorAll('details > ul')) list.parentNode.open = open.includes(list.textContent);
        if (focused) body.querySelector(`a[data-path="${CSS.escape(focused)}"]`)?.focus();
      }
    };
    const timer = setInterval(() => page.isVisible && !document.hidden && look().catch(() => {}), EVERY); // a server that is away comes back
    page.disposed.connect(() => clearInterval(timer));
    page.node.addEventListener('click', event => {
      const path = event.target.closest('a[data-path]')?.dataset.path;
      if (path && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        app.commands.execute('docmanager:open', { path });
      }
    });
    look().catch(error => { body.textContent = `The start page can't be shown: ${error}`; });
    return page;
  }

  function pictures({ IRenderMimeRegistry, RenderedImage }) {
    class WithText extends RenderedImage {
      async renderModel(model) {
        await super.renderModel(model);
        const alt = model.metadata['image/png']?.alt;
        if (alt) this.node.querySelector('img')?.setAttribute('alt', alt);
      }
    }
    return {
      id: `${NAME}:pictures`,
      autoStart: true,
      requires: [IRenderMimeRegistry],
      activate: (app, registry) =>
        registry.addFactory({ safe: true, mimeTypes: ['image/png'], createRenderer: options => new WithText(options) }, 0)
    };
  }

  function start(widgets, core) {
    return {
      id: `${NAME}:start`,
      autoStart: true,
      activate: app => {
        let page;
        app.commands.addCommand('workbook:start', {
          label: 'Workbook: lessons and progress',
          execute: ({ activate = true } = {}) => {
            if (!page || page.isDisposed) page = startPage(app, widgets, core);
            if (!page.isAttached) app.shell.add(page, 'main', { rank: 0, activate: false });
            if (activate) app.shell.activateById(page.id);
          }
        });
        app.restored.then(() => app.commands.execute('workbook:start', { activate: !core.PageConfig.getOption('treePath') }));
      }
    };
  }

  const container = {
    init: async given => { scope = given; },
    get: async () => {
      const [widgets, core, renderers] = await Promise.all(
        ['@lumino/widgets', '@jupyterlab/coreutils', '@jupyterlab/rendermime'].map(shared));
      return () => ({ __esModule: true, default: [start(widgets, core), pictures(renderers)] });
    }
  };
  (window._JUPYTERLAB ??= {})[NAME] = container;
})();
