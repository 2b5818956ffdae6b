// JupyterLab's side of the learner's desk: what it registers there. The start page is in start.js, the exercises' cards in
// card.js, the buttons beside their checks in help.js, the look of all and the width of text in desk.css.
//
// JupyterLab loads an extension as a module-federation container: an object with init(scope) and get(module). Written by
// hand it needs no build step; what it shares with JupyterLab (widgets, renderers) it takes from that scope.
(() => {
  const NAME = 'mlops-workbook-desk';
  const here = document.currentScript.src;
  const beside = file => new URL(file, here).href;

  let scope;
  const shared = async name => {
    const versions = Object.values(scope[name] ?? {});
    if (!versions.length) throw new Error(`${NAME}: JupyterLab does not share ${name}`);
    return (await versions[0].get())();
  };

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

  // Each window holds a lesson's text of its own, and the last to save wins. Whoever opens one more is told.
  function windows({ PageConfig }, { Notification }) {
    return {
      id: `${NAME}:windows`,
      autoStart: true,
      activate: app => {
        const channel = new BroadcastChannel(`${NAME} ${PageConfig.getBaseUrl()}`);
        const me = crypto.getRandomValues(new Uint32Array(1))[0];
        let told = false;
        channel.onmessage = ({ data: { from, to } }) => {
          if (from) channel.postMessage({ to: from });
          else if (to === me && !told) told = Boolean(Notification.warning(SECOND, { autoClose: false }));
        };
        app.restored.then(() => channel.postMessage({ from: me }));
      }
    };
  }
  const SECOND = 'The workbook is open in another window, too: close one of the two, so that neither saves over what you did in the other.';

  const container = {
    init: async given => { scope = given; },
    get: async () => {
      const [{ startPage, titles }, { cards }, { help }, ...libraries] = await Promise.all([
        import(beside('start.js')),
        import(beside('card.js')),
        import(beside('help.js')),
        ...['coreutils', 'apputils', 'rendermime', 'notebook', 'outputarea', 'ui-components'].map(name => shared(`@jupyterlab/${name}`)),
        shared('@lumino/widgets')
      ]);
      const [core, apputils, renderers, notebook, outputs, components, widgets] = libraries;
      const style = document.createElement('link');
      Object.assign(style, { rel: 'stylesheet', href: beside('desk.css') });
      document.head.append(style);
      const plugins = [
        startPage(widgets, core), titles(components), cards(notebook), help(notebook, outputs, widgets), pictures(renderers), windows(core, apputils)
      ];
      return () => ({ __esModule: true, default: plugins });
    }
  };
  (window._JUPYTERLAB ??= {})[NAME] = container;
})();
