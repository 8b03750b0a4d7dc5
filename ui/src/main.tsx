import { render } from 'preact';
import { App } from './app';
import { listen } from './lib/route';
import { startTheme } from './lib/theme';
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/table.css';

startTheme();
listen();
render(<App />, document.getElementById('app') as HTMLElement);
