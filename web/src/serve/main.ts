import { mount } from 'svelte'
import '../shared/page.css'
import '../shared/imagePage.css'
import App from './App.svelte'

mount(App, { target: document.getElementById('app')! })
